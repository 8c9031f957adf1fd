//! A server of hyper's with a stack.

use stackup_tests::Site;

use super::program::Program;

#[tokio::test]
async fn bodies_go_both_ways_over_one_connection() {
    let site = Site::new(
        "run = \"echo\"\n[limits]\nbody_bytes = \"1 KiB\"\n",
        &["echo"],
    );
    let program = Program::start("embed-hyper", &site).await;
    let mut connection = program.connect().await;
    for body in [&b"tea"[..], b"", &[b'x'; 1024]] {
        let response = connection.post("/", body).await;
        assert_eq!(response.status(), 200);
        assert!(response.body.ends_with(body), "{response}");
    }
    let response = connection.post("/", &[b'x'; 1025]).await;
    assert_eq!(response.status(), 413, "limits of requests apply");
}

#[tokio::test]
async fn handler_changes_the_protocol_of_a_connection() {
    let site = Site::new("run = \"upgrades\"", &["upgrades"]);
    let program = Program::start("embed-hyper", &site).await;
    let mut connection = program.connect().await;
    connection
        .send("GET /echo HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await;
    let head = connection.head().await;
    assert_eq!(head.status, 101, "{head:?}");
    connection.send("tea").await;
    assert_eq!(connection.part(3).await.expect("it lasts"), b"tea");
}

#[tokio::test]
async fn abort_in_init_ends_a_probe_and_not_the_program() {
    let site = Site::new("run = \"echo\"", &["echo", "bad-init"]);
    let mut program = Program::start("embed-hyper", &site).await;
    site.manifest("[run]\nplugin = \"bad-init\"\nconfig = { how = \"abort\" }\n");
    program
        .logs("the change is refused: generation 1 keeps serving")
        .await;
    let response = program.connect().await.post("/", b"tea").await;
    assert!(response.text().ends_with("tea"), "{response}");
}

#[tokio::test]
async fn keys_of_our_own_listener_are_reported() {
    let manifest =
        "run = \"echo\"\n[server]\nlisten = [\"127.0.0.1:1\"]\n[limits]\nconnections = 7\n";
    let site = Site::new(manifest, &["echo"]);
    let mut program = Program::start("embed-hyper", &site).await;
    program.logs("`listen` has no effect").await;
    program.logs("`connections` has no effect").await;
}

/// Whatever the server does with a connection, nothing of the stack is held beyond the drain deadline.
#[tokio::test]
async fn client_that_reads_nothing_holds_no_generation() {
    let manifest = |root| {
        format!(
            "[run]\nplugin = \"files\"\nconfig = {{ root = \"{root}\" }}\n[limits]\ndrain_timeout = \"100ms\"\n"
        )
    };
    let site = Site::new(&manifest("."), &["files"]);
    site.file("large.bin", vec![0; 32 << 20]);
    let mut program = Program::start("embed-hyper", &site).await;
    let mut stalled = program.connect().await;
    stalled
        .send("GET /large.bin HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(stalled.head().await.status, 200);
    site.manifest(&manifest("./"));
    program.logs("generation 1 retired").await;
    let response = program.connect().await.get("/config.ru.toml").await;
    assert_eq!(response.status(), 200);
    drop(stalled);
}

#[tokio::test]
async fn program_ends_in_good_order() {
    let site = Site::new("run = \"echo\"", &["echo"]);
    let mut program = Program::start("embed-hyper", &site).await;
    let mut connection = program.connect().await;
    connection
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\n")
        .await;
    // `echo` has begun its response.
    assert_eq!(connection.head().await.status, 200);
    program.terminate();
    connection.send("tea").await;
    assert!(
        connection
            .rest()
            .await
            .windows(3)
            .any(|part| part == b"tea")
    );
    assert!(program.ended().await.success());
    program.logs("the stack has ended").await;
}
