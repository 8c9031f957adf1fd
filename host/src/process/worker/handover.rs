//! The worker's sides of a handover of the store: it saves what it has, or loads what the worker before it had.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::sync::mpsc;

use super::serve::send;
use crate::process::ipc::{Event, Sender};
use crate::services::StoreHub;

/// Writes the store to `file`, on a thread of its own: all others may be blocked.
pub(super) fn save(store: &StoreHub, file: Option<OwnedFd>, events: &Arc<Sender>) {
    let (store, sender) = (store.clone(), Arc::clone(events));
    let save = move || {
        let error = match file.map(File::from) {
            Some(file) => store.save(&file).err().map(|error| error.to_string()),
            None => Some("no file came with the command".to_owned()),
        };
        send(&sender, &Event::StoreSaved { error });
    };
    if let Err(error) = thread::Builder::new().name("store".to_owned()).spawn(save) {
        let error = Some(error.to_string());
        send(events, &Event::StoreSaved { error });
    }
}

/// The store of the worker before this one, as it comes.
pub(super) struct Inheritance {
    store: StoreHub,
    /// The file; none if there is none.
    files: mpsc::UnboundedReceiver<Option<OwnedFd>>,
}

impl Inheritance {
    /// Loads into `store` what `files` brings.
    pub(super) fn new(store: StoreHub, files: mpsc::UnboundedReceiver<Option<OwnedFd>>) -> Self {
        Self { store, files }
    }

    /// Whether the store is empty without it.
    pub(super) fn is_needed(&self) -> bool {
        self.store.ends_with_process()
    }

    /// Asks for the store and loads it.
    pub(super) async fn load(mut self, events: &Sender) {
        send(events, &Event::Ready);
        // The supervisor has logged why there is none. If it is gone, a command says so.
        let Some(Some(file)) = self.files.recv().await else {
            return;
        };
        let start = Instant::now();
        let load = move || self.store.load(&File::from(file));
        match tokio::task::spawn_blocking(load).await {
            Ok(Ok(entries)) => {
                let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
                tracing::debug!(
                    event = "store",
                    entries,
                    milliseconds,
                    "{entries} entries of the store taken over in {milliseconds:.1} ms"
                );
            }
            Ok(Err(error)) => tracing::warn!(
                event = "store-lost",
                error = error.to_string(),
                "the store begins empty, as what the old worker wrote can't be used: {error}"
            ),
            // The runtime shuts down.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixStream;

    use stackup_plugin::abi::host::{StoreAnswer, StoreReply, StoreRequest};
    use tokio::runtime::Handle;

    use super::*;
    use crate::process::ipc::memory_file;

    const BYTES: u64 = 1 << 20;

    fn get(store: &StoreHub) -> StoreReply {
        match store.open("n").call(StoreRequest::Get { key: b"k" }) {
            StoreAnswer::Ready(Ok(reply)) => reply,
            _ => panic!("memory answers at once"),
        }
    }

    /// A store that has loaded `file`, and whether the supervisor was asked for it.
    async fn inherits(file: Option<File>) -> (StoreHub, bool) {
        let store = StoreHub::new(BYTES, 2, Handle::current());
        let (near, far) = UnixStream::pair().unwrap();
        let (files, came) = mpsc::unbounded_channel();
        files.send(file.map(OwnedFd::from)).unwrap();
        let inheritance = Inheritance::new(store.clone(), came);
        assert!(inheritance.is_needed());
        inheritance.load(&Sender::new(near)).await;
        let mut asked = String::new();
        BufReader::new(far).read_line(&mut asked).unwrap();
        (store, asked.contains("ready"))
    }

    fn saved() -> File {
        let old = StoreHub::new(BYTES, 1, Handle::current());
        let (key, value, ttl) = (b"k", b"v", None);
        let set = StoreRequest::Set { key, value, ttl };
        assert!(matches!(old.open("n").call(set), StoreAnswer::Ready(Ok(_))));
        let file = memory_file().unwrap();
        old.save(&file).unwrap();
        file
    }

    #[tokio::test]
    async fn store_of_the_worker_before_is_loaded() {
        let (store, asked) = inherits(Some(saved())).await;
        assert!(asked);
        assert!(matches!(get(&store), StoreReply::Entry { .. }));
    }

    #[tokio::test]
    async fn store_begins_empty_without_one_that_it_can_read() {
        let newer = saved();
        // The format is the number after the first eight bytes.
        std::os::unix::fs::FileExt::write_all_at(&newer, &[2], 8).unwrap();
        let mut none = memory_file().unwrap();
        none.write_all(b"not even a snapshot").unwrap();
        for file in [Some(newer), Some(none), Some(memory_file().unwrap()), None] {
            let (store, asked) = inherits(file).await;
            assert!(asked);
            assert_eq!(get(&store), StoreReply::Missing);
        }
    }
}
