use rustix::process::WaitOptions;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;

/// A worker, and its end of the socket.
fn adopted(pid: Pid) -> (Worker, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    let (last_words, _) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let info = WorkerInfo {
        number: 1,
        pid,
        phase: Phase::Serving,
        cause: "test".to_owned(),
        origin: StackSource::Disk,
        heartbeat: false,
        handover: false,
        data_commands: false,
        unfinished: Vec::new(),
    };
    let (events, _) = mpsc::unbounded_channel();
    let worker = Worker::adopt(info, near, last_words, &events).unwrap();
    (worker, far)
}

#[tokio::test]
async fn worker_that_has_exited_is_not_killed() {
    let mut child = process::Command::new("true").spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (mut worker, _far) = adopted(pid);
    assert!(!worker.is_about_to_go());
    let ended = rustix::process::waitpid(Some(pid), WaitOptions::empty()).unwrap();
    worker.ended = ended.map(|(_, status)| status);
    // Its exit was collected.
    assert!(child.wait().is_err());
    assert!(worker.is_about_to_go());
    // Another process may have its number by now.
    worker.kill("a test");
    assert_eq!(worker.killed, None);
}

#[tokio::test]
async fn lines_of_a_guest_take_no_room_from_commands() {
    let (mut worker, far) = adopted(rustix::process::getpid());
    let mut reader = BufReader::new(tokio::net::UnixStream::from_std(far).unwrap()).lines();
    // Nothing is written while this task does not wait.
    for number in 0..100 {
        worker.send_line(7, format!("line {number}"));
    }
    assert!(worker.send(Command::Ping), "there is room for a command");
    let mut read = async |count| {
        let mut lines = Vec::new();
        for _ in 0..count {
            let line = reader.next_line().await.unwrap();
            lines.push(line.expect("the worker is there"));
        }
        lines
    };
    let first = read(LINE_QUEUE + 1).await;
    assert!(first[LINE_QUEUE - 1].contains("line 31"), "{first:?}");
    assert!(first[LINE_QUEUE].contains("ping"), "{first:?}");
    worker.send_line(7, "later".to_owned());
    let later = read(2).await;
    assert!(
        later[0].contains("68 lines that came too fast"),
        "{later:?}"
    );
    assert!(later[1].contains("later"), "{later:?}");
}
