//! `session`.

use rustix::process::Signal;
use stackup_tests::{Connection, Host, Site};

use super::{ask, serve};

const FIRST: &str = "0123456789abcdef0123456789abcdef first";
const SECOND: &str = "0123456789abcdef0123456789abcdef second";

fn manifest(secrets: &[&str]) -> String {
    format!(
        "use = [{{ plugin = \"session\", config = {{ secrets = {secrets:?} }} }}]\nrun = \"visits\"\n"
    )
}

/// The response for this cookie, and the cookie after it.
async fn visit(connection: &mut Connection, path: &str, cookie: &str) -> (String, String) {
    let cookie_line = format!("cookie: {cookie}");
    let lines: &[&str] = if cookie.is_empty() {
        &[]
    } else {
        &[&cookie_line]
    };
    let res = ask(connection, &format!("GET {path}"), lines).await;
    assert!(res.header("rack.session").is_none());
    let set = res.header("set-cookie").map(|line| {
        line.split_once(';')
            .map_or(line, |(value, _)| value)
            .to_owned()
    });
    (
        res.text().to_owned(),
        set.unwrap_or_else(|| cookie.to_owned()),
    )
}

#[tokio::test]
async fn session_survives_secret_rotation() {
    let site = Site::new(&manifest(&[FIRST]), &["session", "visits"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let (text, cookie) = visit(&mut connection, "/", "").await;
    assert_eq!(text, "visit 1\n");
    let (text, cookie) = visit(&mut connection, "/", &cookie).await;
    assert_eq!(text, "visit 2\n");
    site.manifest(&manifest(&[SECOND, FIRST]));
    host.reload("swapped").await;
    let (text, cookie) = visit(&mut connection, "/", &cookie).await;
    assert_eq!(text, "visit 3\n");
    let (_, renewed) = visit(&mut connection, "/enter", &cookie).await;
    assert_ne!(renewed, cookie);
    site.manifest(&manifest(&[SECOND]));
    host.reload("swapped").await;
    let (text, cookie) = visit(&mut connection, "/", &renewed).await;
    assert_eq!(text, "visit 4\n");
    let (_, ended) = visit(&mut connection, "/leave", &cookie).await;
    assert_eq!(ended, "rack.session=");
    assert_eq!(visit(&mut connection, "/", &ended).await.0, "visit 1\n");
}

#[tokio::test]
async fn session_header_without_middleware_is_not_sent() {
    let (_site, host) = serve("", &[]).await;
    let mut connection = host.connect().await;
    let target = "GET /?header=rack.session:%7B%7D&header=rack.other:1&header=x-own:1";
    let res = ask(&mut connection, target, &[]).await;
    assert_eq!(res.header("x-own"), Some("1"));
    assert!(res.header("rack.session").is_none() && res.header("rack.other").is_none());
    let site = Site::new("run = \"visits\"", &["visits"]);
    let host = Host::start_in("development", &site).await;
    let res = host.get("/").await;
    assert_eq!(res.status(), 500);
    assert!(
        res.text().contains("`use` the plugin `session`"),
        "{}",
        res.text()
    );
}

#[tokio::test]
async fn session_in_the_store_survives_reload_and_restart() {
    let manifest = |secure: bool| {
        format!(
            "use = [{{ plugin = \"session\", config = {{ store = true, secure = {secure} }} }}]\nrun = \"visits\"\n"
        )
    };
    let site = Site::new(&manifest(true), &["session", "visits"]);
    let host = Host::start(&site).await;
    let (text, cookie) = visit(&mut host.connect().await, "/", "").await;
    assert_eq!(text, "visit 1\n");
    site.manifest(&manifest(false));
    host.reload("swapped").await;
    let mut connection = host.connect().await;
    assert_eq!(visit(&mut connection, "/", &cookie).await.0, "visit 2\n");
    host.signal(Signal::USR2);
    host.event("upgraded").await;
    let mut connection = host.connect().await;
    assert_eq!(visit(&mut connection, "/", &cookie).await.0, "visit 3\n");
    let (_, renewed) = visit(&mut connection, "/enter", &cookie).await;
    assert_eq!(visit(&mut connection, "/", &cookie).await.0, "visit 1\n");
    assert_eq!(visit(&mut connection, "/", &renewed).await.0, "visit 4\n");
}
