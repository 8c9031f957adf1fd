//! The memory of idle connections in the worker: kept alive, upgraded, WebSockets, event streams; and a reload among WebSockets.
//!
//! `CONNECTIONS=10000` of each, or as many as the limit of open files allows.

use std::fs;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stackup_tests::{Connection, Host, Site};

/// Besides connections: libraries, the log, sockets of the host.
const OTHER_FILES: u64 = 400;

/// What a connection does before it is idle.
#[derive(Clone, Copy)]
struct Subject {
    name: &'static str,
    plugin: &'static str,
    config: &'static str,
    path: &'static str,
    fields: &'static str,
    /// The start of what the host sends back at first, after the head.
    first: &'static str,
    /// What is sent once it is open, and what comes back.
    echo: Option<(&'static [u8], &'static [u8])>,
}

/// Text in a frame of a client, with a mask of zeros, and as it comes back (RFC 6455 §5.7).
const HELLO: (&[u8], &[u8]) = (b"\x81\x85\0\0\0\0Hello", b"\x81\x05Hello");
const WEBSOCKET: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const SUBJECTS: [Subject; 4] = [
    Subject {
        name: "kept alive, after a response of `hello`",
        plugin: "hello",
        config: "{}",
        path: "/",
        fields: "",
        first: "Hello, World!\n",
        echo: None,
    },
    Subject {
        name: "upgraded, after an echo",
        plugin: "upgrades",
        config: "{}",
        path: "/echo",
        fields: "connection: upgrade\r\nupgrade: echo\r\n",
        first: "",
        echo: Some((b"Hello", b"Hello")),
    },
    Subject {
        name: "a WebSocket, after an echo",
        plugin: "websockets",
        config: "{}",
        path: "/",
        fields: WEBSOCKET,
        first: "",
        echo: Some(HELLO),
    },
    Subject {
        name: "an event stream, after its first line",
        plugin: "ticker",
        config: "{ seconds = 36000 }",
        path: "/",
        fields: "",
        first: "C\r\nretry: 100\n\n\r\n",
        echo: None,
    },
];

fn main() {
    // `cargo test --benches` only checks that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let count = connections();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        println!("| {count} connections | bytes each |\n|---|---:|");
        for subject in SUBJECTS {
            println!("| {} | {} |", subject.name, memory(subject, count).await);
        }
        println!();
        reload(count).await;
    });
}

/// How many connections fit, after the limit of open files was raised as far as allowed.
fn connections() -> u64 {
    let wanted = std::env::var("CONNECTIONS").ok();
    let wanted = wanted.and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // If it fails, there are fewer connections.
    let _ = setrlimit(Resource::Nofile, raised);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // The host keeps a file for every second connection.
    let fitting = files.saturating_sub(OTHER_FILES) / 3 * 2;
    if fitting < wanted {
        eprintln!(
            "only {fitting} connections, not {wanted}: a process may open {files} files; allow more with `ulimit -Hn`"
        );
    }
    wanted.min(fitting)
}

fn limits(count: u64) -> String {
    format!(
        "[limits]\nconnections = {}\nheader_timeout = \"1h\"\nupgrade_drain = \"1h\"\n",
        count + 100
    )
}

/// The bytes of the worker's memory that each of `count` idle connections takes.
async fn memory(subject: Subject, count: u64) -> u64 {
    let Subject { plugin, config, .. } = subject;
    let manifest = format!(
        "run = {{ plugin = \"{plugin}\", config = {config} }}\n{}",
        limits(count)
    );
    let site = Site::new(&manifest, &[plugin]);
    let host = Host::start(&site).await;
    // What is there once, whatever the number.
    let mut open = vec![begin(&host, subject, subject.path).await];
    let before = anonymous(&host);
    for _ in 0..count {
        open.push(begin(&host, subject, subject.path).await);
    }
    let after = anonymous(&host);
    drop(open);
    (after - before) / count
}

/// An open connection that has done what it does.
async fn begin(host: &Host, subject: Subject, path: &str) -> Connection {
    let mut connection = host.connect().await;
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\n{}\r\n",
        host.address(),
        subject.fields
    );
    connection.send(head).await;
    let head = connection.head().await;
    assert!([101, 200].contains(&head.status), "{head:?}");
    let first = connection
        .part(subject.first.len())
        .await
        .expect("the first bytes");
    assert_eq!(first, subject.first.as_bytes());
    echoes(&mut connection, subject).await;
    connection
}

async fn echoes(connection: &mut Connection, subject: Subject) {
    if let Some((sent, back)) = subject.echo {
        connection.send(sent).await;
        assert_eq!(connection.part(back.len()).await.expect("an echo"), back);
    }
}

/// The private memory of the worker that is no file's.
fn anonymous(host: &Host) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", host.worker().as_raw_nonzero()));
    let status = status.expect("the worker runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes
        .and_then(|text| text.trim().parse().ok())
        .expect("a number");
    kibibytes << 10
}

/// A reload that replaces the handlers of half of the WebSockets: these are closed with 1012, the others go on.
async fn reload(count: u64) {
    let manifest = |mark: u32| {
        format!(
            "run = \"websockets\"\n{}[[map]]\npath = \"/changed\"\nuse = [{{ plugin = \"stamp\", config = {{ mark = \"{mark}\" }} }}]\nrun = \"websockets\"\n",
            limits(count)
        )
    };
    let site = Site::new(&manifest(1), &["websockets", "stamp"]);
    let host = Host::start(&site).await;
    let subject = SUBJECTS[2];
    let (mut kept, mut changed) = (Vec::new(), Vec::new());
    for _ in 0..count / 2 {
        kept.push(begin(&host, subject, "/").await);
        changed.push(begin(&host, subject, "/changed").await);
    }
    site.manifest(&manifest(2));
    host.reload("swapped").await;
    let swapped = Instant::now();
    for socket in &mut changed {
        let close = socket.part(4).await.expect("a close frame");
        // 1012 is 0x03f4.
        assert_eq!((close[0], close[2], close[3]), (0x88, 0x03, 0xf4));
    }
    host.event("drained").await;
    let told = swapped.elapsed();
    for socket in &mut kept {
        echoes(socket, subject).await;
    }
    println!(
        "a reload among them: {} sockets of a replaced handler were closed with 1012 within {told:?}, all {} others echo",
        changed.len(),
        kept.len()
    );
    let asked = Instant::now();
    let status = site.stackup(&["status"]).await;
    println!(
        "`stackup status`: {} bytes after {:?}",
        status.stdout.len(),
        asked.elapsed()
    );
    site.manifest(&format!(
        "{}[[map]]\npath = \"/more\"\nrun = \"websockets\"\n",
        manifest(2)
    ));
    host.reload("swapped").await;
    for socket in &mut kept {
        echoes(socket, subject).await;
    }
    println!("a reload that keeps their handler: all {} echo", kept.len());
}
