//! What comes besides responses: interim ones, other protocols, lines.

use stackup_tests::{Connection, Host, Site, print_skipped, within};

use super::{runs, site};

/// Sends back what it gets in the protocol `echo`, which Node calls an upgrade.
const NODE: &str = r#"
const server = require("http").createServer((request, response) => response.end("plain"));
server.on("upgrade", (request, socket, head) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
    socket.write(process.argv[2] + ":");
    socket.pipe(socket);
});
server.listen(process.env.SOCKET);
"#;

fn manifest(mark: &str, limits: &str) -> String {
    format!(
        "[run]\nplugin = \"guest\"\nconfig = {{ command = [\"node\", \"app.js\", \"{mark}\"], dir = \"app\" }}\n\
         [limits]\n{limits}\n"
    )
}

async fn serving(limits: &str) -> Option<(Site, Host)> {
    if !runs("node", &["--version"]) {
        print_skipped("no `node`");
        return None;
    }
    let site = Site::new(&manifest("one", limits), &["guest"]);
    std::fs::create_dir_all(site.path().join("app")).expect("a folder");
    site.file("app/app.js", NODE);
    let host = Host::start(&site).await;
    Some((site, host))
}

async fn open(host: &Host, mark: &str) -> Connection {
    let mut connection = host.connect().await;
    let offer = "GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    connection.send(offer).await;
    let head = connection.head().await;
    assert_eq!((head.status, head.header("upgrade")), (101, Some("echo")));
    let said = connection.part(mark.len() + 1).await.expect("it is open");
    assert_eq!(said, format!("{mark}:").as_bytes());
    connection
}

async fn echoes(connection: &mut Connection, text: &str) {
    connection.send(text).await;
    let answer = connection.part(text.len()).await.expect("it is open");
    assert_eq!(answer, text.as_bytes());
}

#[tokio::test]
async fn reload_keeps_a_tunnel_and_its_process_until_it_ends() {
    let limits = "drain_timeout = \"0s\"\nupgrade_drain = \"1h\"";
    let Some((site, host)) = serving(limits).await else {
        return;
    };
    let mut old = open(&host, "one").await;
    echoes(&mut old, "before").await;
    site.manifest(&manifest("two", limits));
    host.reload("swapped").await;
    let mut new = open(&host, "two").await;
    echoes(&mut new, "new").await;
    echoes(&mut old, "still here").await;
    drop(old);
    host.event("drained").await;
    echoes(&mut new, "after").await;
    new.half_close().await;
    assert!(new.closes().await);
}

#[tokio::test]
async fn deadline_ends_a_tunnel_and_then_its_process() {
    let limits = "drain_timeout = \"0s\"\nupgrade_drain = \"100ms\"";
    let Some((site, host)) = serving(limits).await else {
        return;
    };
    let mut old = open(&host, "one").await;
    site.manifest(&manifest("two", limits));
    host.reload("swapped").await;
    host.event("upgrade-deadline").await;
    assert!(old.closes().await);
    host.event("drained").await;
    assert_eq!(host.get("/").await.text(), "plain");
}

#[tokio::test]
async fn interim_response_comes_before_the_response() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send("POST /hints HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\n")
        .await;
    let head = connection.head().await;
    assert_eq!((head.status, head.header("link")), (103, Some("</a.css>")));
    // The guest answers only once it has the body.
    connection.send("x").await;
    assert_eq!(connection.response().await.text(), "1 1");
}

#[tokio::test]
async fn lines_of_a_guest_are_in_the_log_of_development() {
    let Some(site) = site("") else { return };
    // Two instances that have the same guest.
    let run =
        "plugin = \"guest\"\nconfig = { command = [\"python3\", \"../guest.py\"], dir = \"app\" }";
    site.manifest(&format!(
        "[run]\n{run}\n[[map]]\npath = \"/other\"\n[map.run]\n{run}\n"
    ));
    let host = Host::develop(&site).await;
    let address = host.address();
    host.get("/say").await;
    let request = format!("GET /_stackup/api/log HTTP/1.1\r\nhost: {address}\r\n\r\n");
    within("its line", async {
        loop {
            let mut connection = host.connect().await;
            connection.send(&request).await;
            let log = connection.response().await.text();
            if log.contains("\"handler\":\"app\"") && log.contains("\"message\":\"said yyy") {
                // Each line once.
                assert_eq!(log.matches("\"message\":\"starting\"").count(), 1, "{log}");
                break;
            }
        }
    })
    .await;
}
