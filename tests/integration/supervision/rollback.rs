//! A new stack that crashes while it is on probation.

use rustix::process::{Signal, kill_process};

use super::{FAULTY, code, crash_worker, prove, start, swap, wait_for_reload};

#[tokio::test]
async fn crashing_new_stack_is_rolled_back_until_change() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    swap(&site, &host, 2, "segv").await;
    let crash = crash_worker(&host).await;
    assert!(
        crash.to_string().contains("\"rolled_back\":true"),
        "{crash}"
    );
    assert_eq!(code(&host).await, 1);
    // The next worker has read the disk too.
    let refused = wait_for_reload(&host, "refused").await;
    let error = refused.text("error");
    assert!(
        error.contains("this very stack was rolled back: `faulty`"),
        "{error}"
    );

    // It stays rejected, also after the good one has ended another probation.
    prove(&host).await;
    let said = site.stackup(&["reload"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("`stackup reload --retry`"), "{said:?}");
    wait_for_reload(&host, "refused").await;
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("was rolled back"), "{said:?}");
    let worker = status_worker(&site).await;
    kill_process(worker, Signal::KILL).expect("it is there");
    host.event("crash").await;
    host.next_worker().await;
    wait_for_reload(&host, "refused").await;
    assert_eq!(code(&host).await, 1);

    // `--retry` accepts it, and it crashes again.
    let said = site.stackup(&["reload", "--retry"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    wait_for_reload(&host, "swapped").await;
    assert_eq!(code(&host).await, 2);
    crash_worker(&host).await;
    wait_for_reload(&host, "refused").await;
    assert_eq!(code(&host).await, 1);

    // Another library is accepted.
    swap(&site, &host, 3, "none").await;
    assert_eq!(code(&host).await, 3);
}

/// The active worker in `stackup status`.
pub(super) async fn status_worker(site: &stackup_tests::Site) -> rustix::process::Pid {
    let status = super::control::status(site).await;
    let workers = status["workers"].as_array().expect("workers");
    let serving = workers.iter().find(|worker| worker["state"] == "serving");
    let pid = serving.and_then(|worker| worker["pid"].as_i64());
    let pid = pid.and_then(|pid| pid.try_into().ok());
    pid.and_then(rustix::process::Pid::from_raw)
        .expect("a worker serves")
}
