//! `rewrite`.

use super::serve_site;

const MANIFEST: &str = r#"
run = "respond"
[[use]]
plugin = "rewrite"
[use.config]
rules = [
  { from = '^/wiki/(?<page>[^/]+)$', to = '/echo/$${page}?title=$page' },
  { from = '^/blog/(.*)$', to = '/$1', redirect = 302 },
]
[[map]]
path = "/echo"
run = "echo"
"#;

#[tokio::test]
async fn rewritten_path_selects_map() {
    let (_site, host) = serve_site(MANIFEST, &["rewrite", "respond", "echo"]).await;
    let mut connection = host.connect().await;
    let res = connection.get("/wiki/a%20b&admin=1?x=y").await;
    let line = res.text().lines().next().map(str::to_owned);
    let expected = "GET /echo/a%20b&admin=1?title=a%20b%26admin%3D1 HTTP/1.1";
    assert_eq!(line.as_deref(), Some(expected));
    let sent = connection.get("/blog//evil.com").await;
    assert_eq!(
        (sent.status(), sent.header("location")),
        (302, Some("/evil.com"))
    );
    assert_eq!(connection.get("/other").await.text(), "");
}
