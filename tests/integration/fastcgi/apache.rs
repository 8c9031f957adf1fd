use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use stackup_tests::{Host, Site, artifacts};

use super::{check_bodies, serve};
use crate::apache::Apache;

async fn start(plugin: &str, options: &str) -> Option<(Site, Host, Apache)> {
    let (site, host) = serve(plugin, "").await;
    let backend = format!("fcgi://{}/", host.address());
    let apache = before(&backend, options).await?;
    Some((site, host, apache))
}

/// An Apache that passes all requests to `backend`.
async fn before(backend: &str, options: &str) -> Option<Apache> {
    let lines = format!("ProxyPass / {backend} {options}");
    Apache::start(&["proxy", "proxy_fcgi"], &lines).await
}

/// Connections that are kept, and one for each request.
const OPTIONS: [&str; 2] = ["enablereuse=on", ""];

#[tokio::test]
async fn requests_through_apache_are_what_the_client_sent() {
    for options in OPTIONS {
        let Some((_site, _host, apache)) = start("answers", options).await else {
            return;
        };
        let mut client = apache.connect().await;
        let names = "env=REQUEST_METHOD&env=REQUEST_URI&env=PATH_INFO&env=SCRIPT_NAME&env=HTTP_HOST&env=HTTP_X_A&env=CONTENT_TYPE&env=REMOTE_ADDR";
        let target = format!("/a%20b/../d?{names}");
        for _ in 0..3 {
            client
                .send(format!(
                    "POST {target} HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\ncontent-type: a/b\r\ncontent-length: 5\r\n\r\nhello"
                ))
                .await;
            let text = client.response().await.text();
            let expected = format!(
                "REQUEST_METHOD=POST\nREQUEST_URI={target}\nPATH_INFO=/d\nSCRIPT_NAME=\nHTTP_HOST=a.test\nHTTP_X_A=1\nCONTENT_TYPE=a/b\nREMOTE_ADDR=127.0.0.1\nhello"
            );
            assert_eq!(text, expected);
        }
    }
}

#[tokio::test]
async fn responses_through_apache_are_what_the_handler_made() {
    let Some((_site, _host, apache)) = start("answers", "enablereuse=on").await else {
        return;
    };
    for (target, status) in [
        ("/?status=404&body=no", 404),
        ("/?status=302&header=location:/x", 302),
        ("/?status=204", 204),
        ("/?status=304", 304),
        ("/?fail=no&status=503", 503),
    ] {
        // It closes the client's connection after a 503.
        let response = apache.connect().await.get(target).await;
        assert_eq!(response.status(), status, "{target}");
    }
    let mut client = apache.connect().await;
    let cookies = client
        .get("/?header=set-cookie:a=1&header=set-cookie:b=2&body=hello")
        .await;
    assert_eq!(
        cookies.head.all("set-cookie").collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
    assert_eq!(cookies.text(), "hello");
}

#[tokio::test]
async fn bodies_go_through_apache() {
    for options in OPTIONS {
        let Some((_site, _host, apache)) = start("probe", options).await else {
            return;
        };
        let mut client = apache.connect().await;
        check_bodies(&mut client).await;
    }
}

#[tokio::test]
async fn apache_reaches_a_unix_socket() {
    let manifest = "run = \"probe\"\n[server]\nlisten = [\"fastcgi+unix:app.sock\"]\n";
    let site = Site::new(manifest, &["probe"]);
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    open(site.path(), 0o711).expect("its workers run as another user");
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    let socket = site.path().join("app.sock");
    open(&socket, 0o666).expect("its workers run as another user");
    let backend = format!("unix:{}|fcgi://localhost/", socket.display());
    let Some(apache) = before(&backend, "enablereuse=on").await else {
        return;
    };
    let mut client = apache.connect().await;
    for _ in 0..5 {
        // The address is that of Apache's client.
        assert_eq!(client.get("/where").await.text(), "GET [] [/where] tcp\n");
    }
}
