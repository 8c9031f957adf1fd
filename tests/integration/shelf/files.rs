//! `files`.

use std::fs::{self, File};

use stackup_tests::{Connection, Host, Site, artifacts};

const MANIFEST: &str = r#"
run = { plugin = "files", config = { root = "public", headers = { cache-control = "max-age=60" } } }
[[map]]
path = "/assets"
run = { plugin = "files", config = { root = "public", symlinks = "refuse" } }
"#;

const BIG: u64 = 96 * 1024 * 1024;

async fn serve_site() -> (Site, Host) {
    let site = Site::new(MANIFEST, &["files"]);
    fs::create_dir(site.path().join("public")).expect("a directory");
    site.file("public/a b.txt", "0123456789");
    site.file("secret.txt", "s3cret");
    std::os::unix::fs::symlink("../secret.txt", site.path().join("public/link.txt"))
        .expect("a link");
    // Without a block on the disk: it is read as zeros.
    let big = File::create(site.path().join("public/big.bin"));
    let sized = big.and_then(|big| big.set_len(BIG));
    sized.expect("a large file");
    let host = Host::start(&site).await;
    (site, host)
}

/// Sends a GET with these lines and returns the connection.
async fn ask(host: &Host, target: &str, lines: &str) -> Connection {
    let mut connection = host.connect().await;
    connection
        .send(format!(
            "GET {target} HTTP/1.1\r\nhost: test\r\n{lines}\r\n"
        ))
        .await;
    connection
}

#[tokio::test]
async fn file_is_served_whole_partial_and_not_modified() {
    let (_site, host) = serve_site().await;
    let whole = host.get("/a%20b.txt").await;
    assert_eq!((whole.status(), &*whole.text()), (200, "0123456789"));
    assert_eq!(whole.header("cache-control"), Some("max-age=60"));
    let modified = whole.header("last-modified").unwrap();
    let known = format!("if-modified-since: {modified}\r\n");
    let mut connection = ask(&host, "/a%20b.txt", &known).await;
    assert_eq!(connection.head().await.status, 304);
    // The connection is still in sync: no body followed that head.
    connection
        .send("HEAD /a%20b.txt HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    let head = connection.head().await;
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("10"))
    );
    let part = connection.get("/assets/a%20b.txt").await;
    assert_eq!(part.text(), "0123456789");
    let part = ask(&host, "/a%20b.txt", "range: bytes=3-4, 8-\r\n")
        .await
        .response()
        .await;
    assert_eq!(part.status(), 206);
    let length = part.header("content-length").unwrap();
    assert_eq!(length, part.body.len().to_string());
    let text = part.text();
    assert!(text.contains("bytes 3-4/10\r\n\r\n34\r\n--"), "{text}");
    assert!(text.contains("bytes 8-9/10\r\n\r\n89\r\n--"), "{text}");
}

#[tokio::test]
async fn no_spelling_escapes_root() {
    let (_site, host) = serve_site().await;
    for path in [
        "/../secret.txt",
        "/assets/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/.%2e%5csecret.txt",
        "/%2e%2e%2fsecret.txt",
        "//../secret.txt",
        "/./../secret.txt",
        "/public/../../secret.txt",
        "/..;/secret.txt",
        "/..%c0%afsecret.txt",
        "/a%20b.txt/../../secret.txt",
        "/link.txt",
        "/assets/link.txt",
        "/secret.txt%00.txt",
    ] {
        // After a 400 the connection closes.
        let res = host.get(path).await;
        assert!(matches!(res.status(), 400 | 404), "{path}: {res}");
        assert!(!res.text().contains("s3cret"), "{path}: {res}");
    }
}

/// In KiB.
fn memory(host: &Host, what: &str) -> u64 {
    let pid = host.pid().as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.expect("the host runs");
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|line| line.split_whitespace().next());
    let number = number.and_then(|number| number.parse().ok());
    number.expect("a number of KiB")
}

#[tokio::test]
async fn stalled_large_downloads_hold_no_thread() {
    let (_site, host) = serve_site().await;
    assert_eq!(host.get("/a%20b.txt").await.status(), 200);
    let before = memory(&host, "VmRSS:");
    // More than the worker has threads, and none reads.
    let mut stalled = Vec::new();
    for _ in 0..32 {
        let mut connection = ask(&host, "/big.bin", "").await;
        assert_eq!(connection.head().await.status, 200);
        stalled.push(connection);
    }
    assert_eq!(host.get("/a%20b.txt").await.text(), "0123456789");
    let mut reader = host.connect().await;
    let part = format!("range: bytes=5-{}\r\n", BIG - 2);
    reader
        .send(format!("GET /big.bin HTTP/1.1\r\nhost: test\r\n{part}\r\n"))
        .await;
    let all = reader.response().await;
    assert_eq!(all.status(), 206);
    assert_eq!(all.body.len() as u64, BIG - 6);
    let grown = memory(&host, "VmHWM:").saturating_sub(before);
    assert!(
        grown < 32 * 1024,
        "{grown} KiB for 33 downloads of {BIG} bytes"
    );
}

#[tokio::test]
async fn truncated_file_breaks_response() {
    let (site, host) = serve_site().await;
    let mut connection = ask(&host, "/big.bin", "").await;
    assert_eq!(connection.head().await.status, 200);
    let big = File::options()
        .write(true)
        .open(site.path().join("public/big.bin"))
        .unwrap();
    big.set_len(1024).unwrap();
    let received = connection.rest().await.len() as u64;
    assert!(received < BIG, "{received}");
    host.message("the file became shorter while it was sent")
        .await;
}

#[tokio::test]
async fn large_file_arrives_whole_over_each_kind_of_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("socket");
    let listen = format!("[\"127.0.0.1:0\", \"unix:{}\"]", socket.display());
    let site = Site::new(
        &format!("{MANIFEST}[server]\nlisten = {listen}\n"),
        &["files"],
    );
    fs::create_dir(site.path().join("public")).expect("a directory");
    let content: Vec<u8> = (0..700_001_u32).map(|at| (at * 31 % 251) as u8).collect();
    fs::write(site.path().join("public/photo.jpg"), &content).expect("a file");
    site.file("public/a.txt", "small");
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    let address = host.ready().await.replace("http://", "");
    host.ready().await;
    for mut connection in [
        Connection::tcp(&address).await,
        Connection::unix(&socket).await,
    ] {
        let get = |target: &str, lines: &str| {
            format!("GET {target} HTTP/1.1\r\nhost: test\r\n{lines}\r\n")
        };
        // All at once: each response begins where the one before ends.
        let range = get("/photo.jpg", "range: bytes=99999-699999\r\n");
        let requests = [&*get("/photo.jpg", ""), &range, &get("/a.txt", ""), &range];
        connection.send(requests.concat()).await;
        assert!(connection.response().await.body == content);
        assert!(connection.response().await.body == content[99_999..700_000]);
        assert_eq!(connection.response().await.text(), "small");
        assert!(connection.response().await.body == content[99_999..700_000]);
    }
}
