use stackup_tests::fastcgi::{Record, kind, params};
use stackup_tests::{FastcgiClient, Host, Site, artifacts};

use super::{connect, serve};

#[tokio::test]
async fn params_are_the_request() {
    let (_site, host) = serve("answers", "").await;
    let mut client = connect(&host).await;
    let params = [
        ("REQUEST_URI", "/a%20b?show=env"),
        ("SCRIPT_NAME", "/of the front server"),
        ("CONTENT_TYPE", "text/plain"),
        ("CONTENT_LENGTH", "5"),
        ("HTTP_CONTENT_LENGTH", "5"),
        ("HTTP_X_A", "1"),
        ("HTTP_CONNECTION", "keep-alive"),
        ("HTTP_PROXY", "http://evil.test"),
        ("REMOTE_ADDR", "192.0.2.7"),
        ("REMOTE_PORT", "4000"),
        ("HTTPS", "on"),
        ("REMOTE_USER", "ada"),
        ("SERVER_SOFTWARE", "nginx/1.22.1"),
        ("DOCUMENT_ROOT", "/srv"),
    ];
    client.send(Record::post(7, &params, false)).await;
    client.send(Record::stream(kind::STDIN, 7, b"hello")).await;
    let response = client.response().await;
    assert_eq!((response.id, response.status()), (7, 200));
    let text = response.text();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    let expected = [
        "",
        "CONTENT_LENGTH=5",
        "CONTENT_TYPE=text/plain",
        "HTTP_HOST=test",
        "HTTP_PROXY=http://evil.test",
        "HTTP_X_A=1",
        "PATH_INFO=/a%20b",
        "QUERY_STRING=show=env",
        "REMOTE_ADDR=192.0.2.7",
        "REMOTE_PORT=4000",
        "REMOTE_USER=ada",
        "REQUEST_METHOD=POST",
        "REQUEST_URI=/a%20b?show=env",
        "SCRIPT_NAME=",
        "SERVER_NAME=test",
        "SERVER_PORT=443",
        "SERVER_PROTOCOL=HTTP/1.1",
        "SERVER_SOFTWARE=nginx/1.22.1",
        "hello",
        "rack.url_scheme=https",
    ];
    assert_eq!(lines, expected);
    assert!(client.closes().await);
}

#[tokio::test]
async fn heads_are_checked_as_with_http() {
    let (_site, host) = serve("probe", "").await;
    for (param, status) in [
        (("HTTP_HOST", "a b"), 400),
        (("HTTP_HOST", ""), 400),
        (("REQUEST_METHOD", "CONNECT"), 501),
        (("REQUEST_METHOD", "a b"), 400),
        (("REQUEST_URI", "word"), 400),
        (("REQUEST_URI", "/a/../../b"), 400),
        (("REQUEST_URI", "https://test/"), 421),
        (("CONTENT_LENGTH", "1, 1"), 400),
    ] {
        let mut client = connect(&host).await;
        let uri = (param.0 != "REQUEST_URI").then_some(("REQUEST_URI", "/"));
        let all: Vec<_> = uri.into_iter().chain([param]).collect();
        let begin = Record::begin(1, 1, true);
        let params = Record::stream(kind::PARAMS, 1, &params(&all));
        client
            .send([begin, params, Record::bytes(kind::STDIN, 1, b"")].concat())
            .await;
        assert_eq!(client.response().await.status(), status, "{param:?}");
    }
}

#[tokio::test]
async fn proxy_before_the_front_server_is_believed_if_it_is_trusted() {
    let (_site, host) = serve("answers", "trusted_proxies = [\"10.0.0.0/8\"]").await;
    let mut client = connect(&host).await;
    for (remote, expected) in [("10.0.0.7", "192.0.2.9"), ("192.0.2.7", "192.0.2.7")] {
        let params = [
            ("REQUEST_URI", "/?env=REMOTE_ADDR"),
            ("REMOTE_ADDR", remote),
            ("HTTP_X_FORWARDED_FOR", "192.0.2.9"),
            ("CONTENT_LENGTH", "0"),
        ];
        client.send(Record::post(1, &params, true)).await;
        client.send(Record::bytes(kind::STDIN, 1, b"")).await;
        let text = client.response().await.text();
        assert_eq!(text, format!("REMOTE_ADDR={expected}\n"));
    }
}

#[tokio::test]
async fn unix_socket_is_in_the_folder_of_the_manifest() {
    let manifest =
        "run = \"probe\"\n[server]\nlisten = [{ address = \"fastcgi+unix:app.sock\" }]\n";
    let site = Site::new(manifest, &["probe"]);
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    let socket = site.path().join("app.sock");
    let url = host.ready().await;
    assert_eq!(url, format!("fastcgi+unix:{}", socket.display()));
    let mut client = FastcgiClient::unix(&socket).await;
    for _ in 0..3 {
        let text = client.get("/where").await.text();
        assert_eq!(text, "GET [] [/where] unix\n");
    }
}

#[tokio::test]
async fn overlay_and_inspector_are_there_in_development() {
    let manifest = "run = \"probe\"\n[server]\nlisten = [\"fastcgi://127.0.0.1:0\"]\n";
    let site = Site::new(manifest, &["probe"]);
    let mut command = Host::command_for("dev", artifacts::stackup(), &site, &[]);
    let mut host = Host::spawn(&mut command);
    host.ready().await;
    let mut client = connect(&host).await;
    for (remote, status) in [("127.0.0.1", 200), ("192.0.2.7", 403)] {
        let params = [
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/_stackup/"),
            ("HTTP_HOST", "localhost"),
            ("REMOTE_ADDR", remote),
            ("CONTENT_LENGTH", "0"),
        ];
        client.send(Record::post(1, &params, true)).await;
        client.send(Record::bytes(kind::STDIN, 1, b"")).await;
        assert_eq!(client.response().await.status(), status, "{remote}");
    }
}
