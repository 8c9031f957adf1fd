//! When changes reach the disk, and when they are acknowledged.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::Poll;

use super::disk::{on_disk, on_disk_within};
use super::*;

#[test]
fn full_disk_is_a_reason_and_ends() {
    let (_directory, path) = file();
    let (subject, disk) = on_disk(&path);
    subject.set(b"before", b"v").unwrap();
    disk.room.store(0, Ordering::SeqCst);
    let large = vec![1; 1 << 20];
    let failed = subject.set(b"large", &large).unwrap_err();
    assert_eq!(failed.kind, StoreFailureKind::Unavailable);
    assert!(
        failed.message.starts_with("the file `disk`: "),
        "{failed:?}"
    );
    let reason = subject.store.status().trouble.unwrap();
    assert!(reason.contains("no storage space"), "{reason}");
    // It tries whether there is room: nothing that works without writing ends the reason.
    let refused = disk.refused.load(Ordering::SeqCst);
    subject.until(|_| disk.refused.load(Ordering::SeqCst) > refused + 1);
    assert!(subject.store.status().trouble.is_some());
    disk.room.store(usize::MAX, Ordering::SeqCst);
    // The writer sees by itself that there is room again.
    subject.until(|subject| subject.store.status().trouble.is_none());
    subject.set(b"large", &large).unwrap();
    let before = subject.run(StoreRequest::Get { key: b"before" });
    assert!(matches!(before, Ok(StoreReply::Entry { .. })));
}

#[test]
fn changes_that_wait_are_committed_together() {
    const CHANGES: usize = 400;
    let (_directory, path) = file();
    let (subject, disk) = on_disk(&path);
    let before = disk.syncs();
    let add = || {
        let (key, delta, ttl) = (b"k", 1, None);
        match subject
            .store
            .call("n", StoreRequest::Add { key, delta, ttl })
        {
            StoreAnswer::Later(later) => later,
            StoreAnswer::Ready(_) => panic!("a change waits for the disk"),
        }
    };
    let waiting: Vec<_> = (0..CHANGES).map(|_| add()).collect();
    for later in waiting {
        subject.runtime.block_on(later).unwrap();
    }
    assert_eq!(subject.number(b"k"), 400);
    let syncs = disk.syncs() - before;
    assert!(syncs < CHANGES / 2, "{syncs}");
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let (_directory, path) = file();
    let (subject, disk) = on_disk(&path);
    subject.set(b"text", b"v").unwrap();
    let before = disk.syncs();
    let key = &b"text"[..];
    let (delta, ttl) = (1, None);
    subject
        .run(StoreRequest::Add { key, delta, ttl })
        .unwrap_err();
    let missing = subject.run(StoreRequest::Delete { key: b"none" });
    assert_eq!(missing, Ok(StoreReply::Missing));
    let (value, expected) = (&b"w"[..], Some(1));
    let conflict = subject.run(StoreRequest::CompareAndSet {
        key,
        expected,
        value,
        ttl,
    });
    assert_eq!(conflict, Ok(StoreReply::Conflict));
    assert_eq!(disk.syncs(), before);
    subject.set(b"text", b"w").unwrap();
    assert!(disk.syncs() > before);
}

#[test]
fn changes_wait_for_the_disk_within_a_bound_of_bytes() {
    let (_directory, path) = file();
    let (subject, disk) = on_disk(&path);
    let gate = disk.gate.lock().unwrap();
    let set = |key: &[u8], value: &[u8]| {
        let ttl = None;
        subject
            .store
            .call("n", StoreRequest::Set { key, value, ttl })
    };
    // Many that are small.
    let mut waiting = Vec::new();
    for n in 0..20_000u32 {
        match set(&n.to_be_bytes(), b"v") {
            StoreAnswer::Later(later) => waiting.push(later),
            StoreAnswer::Ready(refused) => panic!("{n}: {refused:?}"),
        }
    }
    // And as many that are large as there is room for.
    let large = vec![1; 1 << 20];
    let refused = loop {
        match set(b"large", &large) {
            StoreAnswer::Later(later) => waiting.push(later),
            StoreAnswer::Ready(refused) => break refused.unwrap_err(),
        }
    };
    assert!(refused.message.contains("64 MiB wait"), "{refused:?}");
    let accepted = waiting.len() - 20_000;
    assert!((40..64).contains(&accepted), "{accepted}");
    // None is acknowledged before it is written for good.
    subject.until(|_| disk.waits.load(Ordering::SeqCst));
    subject.runtime.block_on(async {
        for later in &mut waiting[..1000] {
            tokio::task::yield_now().await;
            assert!(by_now(later).await.is_none());
        }
    });
    drop(gate);
    subject.until(|subject| subject.set(b"after", b"v").is_ok());
}

/// What it is by now.
async fn by_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| {
        Poll::Ready(match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn disk_that_hangs_costs_bounded_time() {
    let (_directory, path) = file();
    let (subject, disk) = on_disk_within(&path, Duration::from_millis(50));
    let gate = disk.gate.lock().unwrap();
    let failed = subject.set(b"k", b"v").unwrap_err();
    assert_eq!(failed.kind, StoreFailureKind::Unavailable);
    assert!(
        failed.message.contains("no answer within 50ms"),
        "{failed:?}"
    );
    drop(gate);
}

#[test]
fn file_is_read_as_a_whole_after_damage() {
    let (_directory, path) = file();
    let (subject, disk) = on_disk(&path);
    let value = vec![7; 100_000];
    for n in 0..50u8 {
        subject.set(&[n], &value).unwrap();
    }
    disk.garbles.store(true, Ordering::SeqCst);
    // Whatever is in memory is right for a while.
    subject.until(|subject| subject.set(&[1], b"v").is_err());
    disk.garbles.store(false, Ordering::SeqCst);
    subject.until(|subject| subject.set(&[1], b"v").is_ok());
    let opened = disk.opened.lock().unwrap();
    assert!(!opened[0]);
    assert!(opened.last().unwrap(), "{opened:?}");
}
