use stackup_tests::{Host, Site, artifacts};

use super::{check_bodies, serve};
use crate::serving::nginx::Nginx;

/// nginx's own `fastcgi_params`, as far as it matters here.
const PARAMS: &str = "
    client_max_body_size 0;
    fastcgi_pass host;
    fastcgi_keep_conn on;
    fastcgi_param QUERY_STRING $query_string;
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param CONTENT_TYPE $content_type;
    fastcgi_param CONTENT_LENGTH $content_length;
    fastcgi_param SCRIPT_NAME $fastcgi_script_name;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param DOCUMENT_URI $document_uri;
    fastcgi_param DOCUMENT_ROOT $document_root;
    fastcgi_param SERVER_PROTOCOL $server_protocol;
    fastcgi_param REQUEST_SCHEME $scheme;
    fastcgi_param HTTPS $https if_not_empty;
    fastcgi_param GATEWAY_INTERFACE CGI/1.1;
    fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
    fastcgi_param REMOTE_ADDR $remote_addr;
    fastcgi_param REMOTE_PORT $remote_port;
    fastcgi_param REMOTE_USER $remote_user;
    fastcgi_param SERVER_ADDR $server_addr;
    fastcgi_param SERVER_PORT $server_port;
    fastcgi_param SERVER_NAME $server_name;
";

/// `/` is nginx's default, what is below `/streamed` passes on bodies as they come.
fn server() -> String {
    let below = PARAMS.replace("$request_uri", "$1$is_args$args");
    let streamed = "fastcgi_request_buffering off; fastcgi_buffering off;";
    format!("location / {{ {PARAMS} }}\nlocation ~ ^/streamed(/.*)$ {{ {below} {streamed} }}\n")
}

async fn start(plugin: &str, lines: &str) -> Option<(Site, Host, Nginx)> {
    let (site, host) = serve(plugin, lines).await;
    let nginx = Nginx::start(host.address(), &server()).await?;
    Some((site, host, nginx))
}

#[tokio::test]
async fn requests_through_nginx_are_what_the_client_sent() {
    let Some((_site, _host, nginx)) = start("answers", "").await else {
        return;
    };
    let mut client = nginx.connect().await;
    let names = "env=REQUEST_METHOD&env=REQUEST_URI&env=PATH_INFO&env=HTTP_HOST&env=HTTP_X_A&env=CONTENT_TYPE&env=SERVER_SOFTWARE";
    let target = format!("/a%2Fb%20c/../d?{names}");
    client
        .send(format!(
            "POST {target} HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\ncontent-type: a/b\r\ncontent-length: 5\r\n\r\nhello"
        ))
        .await;
    let response = client.response().await;
    let text = response.text();
    let expected = format!(
        "REQUEST_METHOD=POST\nREQUEST_URI={target}\nPATH_INFO=/d\nHTTP_HOST=a.test\nHTTP_X_A=1\nCONTENT_TYPE=a/b\nSERVER_SOFTWARE=nginx/"
    );
    assert!(
        text.starts_with(&expected) && text.ends_with("\nhello"),
        "{text}"
    );
}

#[tokio::test]
async fn responses_through_nginx_are_what_the_handler_made() {
    let Some((_site, _host, nginx)) = start("answers", "").await else {
        return;
    };
    let mut client = nginx.connect().await;
    for (target, status) in [
        ("/?status=404&body=no", 404),
        ("/?status=302&header=location:/x", 302),
        ("/?status=204", 204),
        ("/?status=599", 599),
        ("/?fail=no&status=503", 503),
    ] {
        let response = client.get(target).await;
        assert_eq!(response.status(), status, "{target}");
    }
    let cookies = client
        .get("/?header=set-cookie:a=1&header=set-cookie:b=2&body=hello")
        .await;
    assert_eq!(
        cookies.head.all("set-cookie").collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
    assert_eq!(cookies.header("content-length"), Some("5"));
    assert_eq!(cookies.text(), "hello");
}

#[tokio::test]
async fn bodies_go_through_nginx() {
    let Some((_site, _host, nginx)) = start("probe", "").await else {
        return;
    };
    check_bodies(&mut nginx.connect().await).await;
}

#[tokio::test]
async fn bodies_stream_through_nginx() {
    let Some((_site, host, nginx)) = start("probe", "").await else {
        return;
    };
    // The handler has the request before its body is whole.
    let mut client = nginx.connect().await;
    let head = "POST /streamed/length HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n";
    client.send(format!("{head}hello")).await;
    host.message("probe: reading").await;
    client.send("world").await;
    assert_eq!(client.response().await.text(), "10");
    // The client has the response before it is whole.
    client
        .send("GET /streamed/held HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.chunk().await.expect("a chunk"), b"begun\n");
    let status = nginx.connect().await.get("/let-go").await.status();
    assert_eq!(status, 204);
    assert_eq!(client.chunk().await.expect("a chunk"), b"ended\n");
    assert_eq!(client.chunk().await.expect("the end"), b"");
}

#[tokio::test]
async fn both_directions_stream_at_once_through_nginx() {
    let Some((_site, _host, nginx)) = start("probe", "").await else {
        return;
    };
    let mut client = nginx.connect().await;
    let head = "POST /streamed/echo HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n";
    client.send(head).await;
    // Each half comes back before the next one is sent.
    client.send("hello").await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.part(5).await.expect("half of it"), b"hello");
    client.send("world").await;
    assert_eq!(client.part(5).await.expect("the rest"), b"world");
}

#[tokio::test]
async fn client_that_leaves_nginx_cancels_its_request() {
    let Some((_site, host, nginx)) = start("probe", "").await else {
        return;
    };
    let mut client = nginx.connect().await;
    client
        .send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    host.message("probe: waiting").await;
    drop(client);
    host.message("probe: dropped the wait").await;
}

#[tokio::test]
async fn response_that_fails_is_cut_off_by_nginx() {
    let Some((_site, _host, nginx)) = start("answers", "").await else {
        return;
    };
    for target in [
        "/?header=content-length:10&stream=short",
        "/?stream=begun&break=now",
    ] {
        let mut client = nginx.connect().await;
        client
            .send(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"))
            .await;
        assert!(client.try_response().await.is_err(), "{target}");
    }
}

#[tokio::test]
async fn unread_posts_get_their_response_through_nginx() {
    let Some((_site, _host, nginx)) = start("answers", "").await else {
        return;
    };
    for location in ["", "streamed/"] {
        for size in [100, 20_000, 200_000, 1_000_000] {
            for number in 0..4 {
                let mut client = nginx.connect().await;
                let target = format!("/{location}?status=401");
                let head = format!(
                    "POST {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n"
                );
                let mut request = head.into_bytes();
                request.resize(request.len() + size, b'x');
                let _ = client.try_send(&request).await;
                let status = client.head().await.status;
                assert_eq!(status, 401, "{target}, {size} bytes, request {number}");
            }
        }
    }
}

#[tokio::test]
async fn requests_through_nginx_survive_a_restart() {
    let Some((site, _host, nginx)) = start("answers", "").await else {
        return;
    };
    let posts = async {
        let mut client = nginx.connect().await;
        for number in 0..400 {
            let response = client.post("/?env=X", b"hello").await;
            assert_eq!(response.status(), 200, "request {number}");
        }
    };
    let restarts = async {
        for _ in 0..2 {
            let said = site.stackup(&["restart"]).await;
            assert_eq!(said.code, Some(0), "{said:?}");
        }
    };
    tokio::join!(posts, restarts);
}

#[tokio::test]
async fn nginx_reaches_a_unix_socket() {
    let manifest = "run = \"probe\"\n[server]\nlisten = [\"fastcgi+unix:app.sock\"]\n";
    let site = Site::new(manifest, &["probe"]);
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    let socket = format!("unix:{}", site.path().join("app.sock").display());
    let Some(nginx) = Nginx::start(&socket, &server()).await else {
        return;
    };
    let mut client = nginx.connect().await;
    for _ in 0..10 {
        let text = client.get("/where").await.text();
        assert_eq!(text, "GET [] [/where] unix\n");
    }
}
