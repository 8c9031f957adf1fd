//! A service manager that passes sockets and expects notifications.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::process::Signal;
use stackup_tests::{Host, Site, artifacts, within};
use tokio::net::UnixDatagram;

use super::{FAULTY, code, crash_worker, faulty};

/// A script that sets `LISTEN_PID`; the sockets start at descriptor 3.
const LAUNCH: &str = "export LISTEN_PID=$$ LISTEN_FDS=1\n\
                      exec \"$STACKUP\" serve \"$@\" 3<&0 </dev/null\n";

#[tokio::test]
async fn inherited_socket_survives_workers_and_upgrade() {
    let site = Site::new(
        "run = \"faulty\"\n[server]\nlisten = [\"127.0.0.1:1\"]\n",
        &[],
    );
    site.library("faulty", &faulty(1, "segv"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it has one"));
    // The script of `sh serve`.
    site.file("serve", LAUNCH);
    let mut command = Host::command(Path::new("sh"), &site, &[]);
    command.stdin(OwnedFd::from(listener));
    let mut host = Host::spawn(command.env("STACKUP", artifacts::stackup()));
    assert_eq!(host.ready().await, url);
    assert_eq!(code(&host).await, 1);
    crash_worker(&host).await;
    assert_eq!(code(&host).await, 1);
    for command in ["restart", "upgrade"] {
        let said = site.stackup(&[command]).await;
        assert_eq!(said.code, Some(0), "{command}: {said:?}");
        assert_eq!(code(&host).await, 1, "{command}");
    }
    host.event("upgraded").await;
    assert_eq!(code(&host).await, 1);
    // A worker's child processes do not inherit the variables.
    let environment = std::fs::read(format!("/proc/{}/environ", worker(&site).await));
    let environment = environment.expect("it runs");
    assert!(!String::from_utf8_lossy(&environment).contains("LISTEN_FDS"));
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
}

async fn worker(site: &Site) -> u64 {
    let status = super::control::status(site).await;
    let workers = status["workers"].as_array().expect("workers");
    let serving = workers.iter().find(|worker| worker["state"] == "serving");
    serving
        .and_then(|worker| worker["pid"].as_u64())
        .expect("one serves")
}

/// Waits for this notification.
async fn wait_for_notification(socket: &UnixDatagram, wanted: &str) {
    within(wanted, async {
        loop {
            let mut message = [0; 4096];
            let length = socket.recv(&mut message).await.expect("a message");
            let message = String::from_utf8_lossy(&message[..length]).into_owned();
            if message.lines().any(|line| line == wanted) {
                let reloads = wanted == "RELOADING=1";
                assert_eq!(message.contains("MONOTONIC_USEC="), reloads, "{message}");
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn service_manager_is_notified_of_ready_reload_and_stop() {
    let site = Site::new(FAULTY, &[]);
    site.library("faulty", &faulty(1, "none"));
    let path = site.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let arguments = ["-p", "0", "-o", "127.0.0.1"];
    let mut command = Host::command(artifacts::stackup(), &site, &arguments);
    let mut host = Host::spawn(command.env("NOTIFY_SOCKET", &path));
    wait_for_notification(&socket, "READY=1").await;
    host.ready().await;
    host.signal(Signal::HUP);
    wait_for_notification(&socket, "RELOADING=1").await;
    wait_for_notification(&socket, "READY=1").await;
    // A refusal ends the reload too.
    site.manifest("run = \"nobody\"\n");
    assert_eq!(site.stackup(&["reload"]).await.code, Some(1));
    wait_for_notification(&socket, "RELOADING=1").await;
    wait_for_notification(&socket, "READY=1").await;
    site.manifest(FAULTY);
    let said = site.stackup(&["upgrade"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    host.event("upgraded").await;
    wait_for_notification(&socket, "READY=1").await;
    host.signal(Signal::HUP);
    wait_for_notification(&socket, "RELOADING=1").await;
    wait_for_notification(&socket, "READY=1").await;
    host.signal(Signal::TERM);
    wait_for_notification(&socket, "STOPPING=1").await;
    assert!(host.exited().await.success());
}
