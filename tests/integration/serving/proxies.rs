//! Who the client is behind proxies: one answer for every layer, and nothing believed of others.

use serde_json::Value;
use stackup_tests::{Connection, Host, Site};

/// What a proxy adds to a request.
const FORWARDED: &str = "x-forwarded-for: 203.0.113.9, 192.0.2.7\r\nx-forwarded-proto: https\r\nx-forwarded-host: shop.test\r\n";

fn manifest(server: &str) -> String {
    format!("run = \"env\"\n[server]\n{server}\n")
}

/// The env of a request with these header lines.
async fn env(connection: &mut Connection, target: &str, lines: &str) -> Value {
    let head = format!("GET {target} HTTP/1.1\r\nhost: inner.test\r\naccept: application/json\r\n");
    connection.send(&(head + lines + "\r\n")).await;
    let response = connection.response().await;
    assert_eq!(response.status(), 200, "{}", response.text());
    serde_json::from_str(&response.text()).expect("the env as JSON")
}

/// The address, the scheme and the name of the server.
fn client(env: &Value) -> String {
    let text = |name: &str| env[name].as_str().unwrap_or("-");
    format!(
        "{} {} {}:{}",
        text("REMOTE_ADDR"),
        text("rack.url_scheme"),
        text("SERVER_NAME"),
        text("SERVER_PORT")
    )
}

#[tokio::test]
async fn trusted_proxy_names_client_scheme_and_host() {
    let trusted = manifest("trusted_proxies = [\"127.0.0.0/8\"]");
    let site = Site::new(&trusted, &["env"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let behind = env(&mut connection, "/", FORWARDED).await;
    assert_eq!(client(&behind), "192.0.2.7 https shop.test:443");
    // Each request of a connection has a client of its own.
    let direct = env(&mut connection, "/", "").await;
    assert_eq!(client(&direct), "127.0.0.1 http inner.test:80");
    let lines = "forwarded: for=203.0.113.9, for=\"[2001:db8::7]:80\";proto=https;host=\"shop.test:8443\"\r\n";
    let forwarded = env(&mut connection, "/", lines).await;
    assert_eq!(client(&forwarded), "2001:db8::7 https shop.test:8443");
    let absolute = env(&mut connection, "http://inner.test/", FORWARDED).await;
    assert_eq!(client(&absolute), "192.0.2.7 https shop.test:443");
}

#[tokio::test]
async fn untrusted_peer_is_not_believed() {
    for server in ["", "trusted_proxies = [\"192.0.2.0/24\", \"unix\"]"] {
        let site = Site::new(&manifest(server), &["env"]);
        let host = Host::start(&site).await;
        let mut connection = host.connect().await;
        let lines = format!("{FORWARDED}forwarded: for=192.0.2.7;proto=https\r\n");
        let env_ = env(&mut connection, "/", &lines).await;
        assert_eq!(client(&env_), "127.0.0.1 http inner.test:80", "{server}");
    }
}

#[tokio::test]
async fn target_decides_the_host_and_never_the_scheme() {
    let map = "[[map]]\npath = \"/\"\nhost = \"map.test\"\nrun = \"answers\"\n";
    let manifest = format!("{map}{}", manifest("trusted_proxies = [\"127.0.0.1\"]"));
    let site = Site::new(
        &manifest.replacen("run = \"env\"\n", "[run]\nplugin = \"env\"\n", 1),
        &["env", "answers"],
    );
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let other = env(&mut connection, "http://other.test:8080/a", "").await;
    assert_eq!(client(&other), "127.0.0.1 http other.test:8080");
    let seen = ["HTTP_HOST", "PATH_INFO"].map(|name| other[name].as_str().unwrap_or("-"));
    assert_eq!(seen, ["other.test:8080", "/a"]);
    // A map for a host gets the requests for it in any form.
    let head = "GET http://map.test/?env=HTTP_HOST HTTP/1.1\r\nhost: inner.test\r\n\r\n";
    connection.send(head).await;
    assert_eq!(connection.response().await.text(), "HTTP_HOST=map.test\n");
    // What a trusted proxy says outweighs both.
    let behind = env(&mut connection, "http://other.test/", FORWARDED).await;
    assert_eq!(client(&behind), "192.0.2.7 https shop.test:443");
    let behind = env(&mut connection, "https://other.test/", FORWARDED).await;
    assert_eq!(client(&behind), "192.0.2.7 https shop.test:443");
    for lines in ["", "x-forwarded-proto: http\r\n"] {
        let mut connection = host.connect().await;
        connection
            .send(format!(
                "GET https://inner.test/ HTTP/1.1\r\nhost: inner.test\r\n{lines}\r\n"
            ))
            .await;
        assert_eq!(connection.response().await.status(), 421, "{lines}");
    }
}

#[tokio::test]
async fn unix_peer_is_trusted_by_its_word() {
    for (trusted, wanted) in [
        ("\"unix\"", "192.0.2.7 https shop.test:443"),
        ("\"127.0.0.1\", \"0.0.0.0/0\"", "- http inner.test:80"),
    ] {
        let site = Site::new(&manifest(""), &["env"]);
        let socket = site.path().join("s.sock");
        let listen = format!(
            "listen = [\"unix:{}\"]\ntrusted_proxies = [{trusted}]",
            socket.display()
        );
        site.manifest(&manifest(&listen));
        let mut host = Host::launch(stackup_tests::artifacts::stackup(), &site, &[]);
        host.ready().await;
        let mut connection = Connection::unix(&socket).await;
        let env = env(&mut connection, "/", FORWARDED).await;
        assert_eq!(client(&env), wanted, "{trusted}");
    }
}

#[tokio::test]
async fn proxies_that_change_are_trusted_after_a_reload() {
    let site = Site::new(&manifest(""), &["env"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let before = env(&mut connection, "/", FORWARDED).await;
    assert_eq!(client(&before), "127.0.0.1 http inner.test:80");
    site.manifest(&manifest("trusted_proxies = [\"127.0.0.1\"]"));
    host.reload("swapped").await;
    let after = env(&mut connection, "/", FORWARDED).await;
    assert_eq!(client(&after), "192.0.2.7 https shop.test:443");
}

#[tokio::test]
async fn headers_that_disagree_are_refused() {
    let site = Site::new(&manifest("trusted_proxies = [\"127.0.0.1\"]"), &["env"]);
    let host = Host::start(&site).await;
    for lines in ["forwarded: for=192.0.2.8\r\n", "forwarded: host=\"x\r\n"] {
        let mut connection = host.connect().await;
        let head = format!("GET / HTTP/1.1\r\nhost: test\r\n{FORWARDED}{lines}\r\n");
        connection.send(&head).await;
        assert_eq!(connection.response().await.status(), 400, "{lines}");
    }
}

#[tokio::test]
async fn layers_agree_on_the_client() {
    let manifest = r#"
use = [
  "logger",
  "force-ssl",
  { plugin = "host-authorization", config = { hosts = ["shop.test"] } },
]
[run]
plugin = "hello"
[[map]]
path = "/"
host = "shop.test"
run = "env"
[server]
trusted_proxies = ["127.0.0.1"]
"#;
    let site = Site::new(
        manifest,
        &["logger", "force-ssl", "host-authorization", "hello", "env"],
    );
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let behind = env(&mut connection, "/a", FORWARDED).await;
    assert_eq!(client(&behind), "192.0.2.7 https shop.test:443");
    host.log()
        .take("the request's line", |record| {
            record.message().starts_with("192.0.2.7 ")
        })
        .await;
    let redirected = connection.get("/").await;
    assert_eq!(redirected.status(), 301);
    assert_eq!(redirected.header("location"), Some("https://test/"));
    let other = FORWARDED.replace("shop.test", "other.test");
    connection
        .send(&format!("GET / HTTP/1.1\r\nhost: shop.test\r\n{other}\r\n"))
        .await;
    assert_eq!(connection.response().await.status(), 421);
}

#[tokio::test]
async fn ipv4_client_of_an_ipv6_socket_is_ipv4() {
    if tokio::net::TcpListener::bind("[::]:0").await.is_err() {
        eprintln!("SKIPPED: no IPv6");
        return;
    }
    let site = Site::new(&manifest("listen = [\"[::]:0\"]"), &["env"]);
    let mut host = Host::launch(stackup_tests::artifacts::stackup(), &site, &[]);
    let port = host
        .ready()
        .await
        .rsplit_once(':')
        .expect("a port")
        .1
        .to_owned();
    let mut connection = Connection::tcp(&format!("127.0.0.1:{port}")).await;
    let env = env(&mut connection, "/", "").await;
    assert_eq!(client(&env), "127.0.0.1 http inner.test:80");
}
