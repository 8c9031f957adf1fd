//! Sockets and descriptors that are short, gone or somewhere else.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use stackup_tests::log::Record;
use stackup_tests::{Connection, Host, Site, artifacts, no_more_files, within};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UnixStream};

use super::{FAULTY, faulty, start, wait_for_reload};

/// The same command with at most 256 open files.
fn with_few_files(command: &Command) -> Command {
    with_limit("ulimit -n 256", command)
}

/// The same command with a limit that this command of the shell sets.
fn with_limit(set: &str, command: &Command) -> Command {
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("{set} && exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}

#[tokio::test]
async fn few_descriptors_starve_neither_reload_nor_new_worker() {
    let site = Site::new("run = \"faulty\"\n", &[]);
    site.library("faulty", &faulty(1, "none"));
    let command = Host::command(artifacts::stackup(), &site, &["-p", "0", "-o", "127.0.0.1"]);
    let mut host = Host::spawn(&mut with_few_files(&command));
    let limited = host.event("connections-limited").await;
    assert_eq!(limited.number("connections"), Some(85), "{limited}");
    host.ready().await;
    assert_eq!(host.get("/").await.status(), 200);
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(host.address()).await.expect("it waits"));
    }
    site.library("faulty", &faulty(2, "none"));
    wait_for_reload(&host, "swapped").await;
    // The silent connections make room for it.
    assert_eq!(host.get("/").await.status(), 200);
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(host.get("/").await.status(), 200);
}

#[tokio::test]
async fn soft_limit_of_open_files_is_raised() {
    let site = Site::new("run = \"faulty\"\n", &[]);
    site.library("faulty", &faulty(1, "none"));
    let command = Host::command(artifacts::stackup(), &site, &["-p", "0", "-o", "127.0.0.1"]);
    let mut host = Host::spawn(&mut with_limit("ulimit -S -n 256", &command));
    host.ready().await;
    let limits = format!("/proc/{}/limits", host.worker().as_raw_nonzero());
    let limits = fs::read_to_string(limits).expect("the worker's limits");
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let mut numbers = files
        .into_iter()
        .flat_map(|line| line.split_whitespace().skip(3));
    let mut next = || numbers.next()?.parse::<u64>().ok();
    let (soft, hard) = (next(), next());
    // What 10,000 connections need.
    assert_eq!(soft, Some(15_128.min(hard.unwrap_or(u64::MAX))), "{limits}");
}

#[tokio::test]
async fn silent_clients_of_the_control_socket_make_room() {
    let site = Site::new("run = \"faulty\"\n", &[]);
    site.library("faulty", &faulty(1, "none"));
    let command = Host::command(artifacts::stackup(), &site, &["-p", "0", "-o", "127.0.0.1"]);
    let mut host = Host::spawn(&mut with_few_files(&command));
    host.ready().await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        let path = site.path().join("config.ru.sock");
        silent.push(UnixStream::connect(path).await.expect("it is accepted"));
    }
    for command in ["status", "restart"] {
        let said = site.stackup(&[command]).await;
        assert_eq!(said.code, Some(0), "{command}: {said:?}");
    }
    let full = host.event("control-clients").await;
    assert!(full.message().starts_with("64 clients"), "{full}");
    let read = within("an end", silent[0].read(&mut [0])).await;
    assert_eq!(read.ok(), Some(0), "the oldest is closed");
}

#[tokio::test]
async fn silent_client_of_the_control_socket_makes_room_for_a_descriptor() {
    let (site, host) = start(FAULTY, 1, "none").await;
    let path = site.path().join("config.ru.sock");
    let connect = async || UnixStream::connect(&path).await.expect("it is accepted");
    let mut silent = Vec::new();
    // Others on this machine may look which site it serves: they too make the oldest leave.
    for _ in 0..16 {
        silent.push(connect().await);
    }
    let said = site.stackup(&["status"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    no_more_files(host.pid());
    // It may close files that it needed for its start.
    while silent[0].try_read(&mut [0]).is_err() {
        silent.push(connect().await);
        let said = site.stackup(&["status"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    assert_eq!(silent[0].try_read(&mut [0]).ok(), Some(0), "it is closed");
}

#[tokio::test]
async fn unix_socket_is_in_the_manifests_folder_and_comes_back() {
    let manifest = "run = \"faulty\"\n[server]\nlisten = [\"unix:app.sock\"]\n";
    let site = Site::new(manifest, &[]);
    site.library("faulty", &faulty(1, "none"));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = Host::command(artifacts::stackup(), &site, &[]);
    let mut host = Host::spawn(command.current_dir(elsewhere.path()));
    host.ready().await;
    let socket = site.path().join("app.sock");
    assert_eq!(host.url(), format!("unix:{}", socket.display()));
    let mut before = Connection::unix(&socket).await;
    assert_eq!(before.get("/").await.status(), 200);
    fs::remove_file(&socket).expect("it is there");
    let done = |record: &Record| record.event() == "renewal" && record.text("state") == "done";
    let renewal = host.log().take("renewal that is done", done).await;
    assert!(renewal.text("cause").contains("socket"), "{renewal}");
    let mut after = Connection::unix(&socket).await;
    assert_eq!(after.get("/").await.status(), 200);
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    assert!(!socket.exists());
}
