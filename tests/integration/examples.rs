//! The manifests of `examples/` behave as their READMEs say.

use std::fs;
use std::path::Path;

use stackup_tests::http::Response;
use stackup_tests::{Connection, Host, Site, artifacts};

/// Serves an example in development with these plugins.
async fn example(name: &str, plugins: &[&str]) -> (Site, Host) {
    let folder = artifacts::workspace().join("examples").join(name);
    let manifest = fs::read_to_string(folder.join("config.ru.toml")).expect("a manifest");
    for plugin in plugins {
        assert!(
            manifest.contains(&format!("\"{plugin}\"")),
            "{name} has no {plugin}"
        );
    }
    let site = Site::new(&manifest, plugins);
    copy(&folder, site.path());
    let host = Host::start_in("development", &site).await;
    (site, host)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a copy");
        }
    }
}

async fn ask(connection: &mut Connection, start: &str, lines: &[&str], body: &str) -> Response {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let head =
        format!("{start} HTTP/1.1\r\nhost: localhost\r\n{lines}content-length: {length}\r\n\r\n");
    connection.send(head + body).await;
    connection.response().await
}

#[tokio::test]
async fn static_site_example_serves() {
    let plugins = [
        "logger",
        "deflater",
        "security-headers",
        "maintenance",
        "static",
        "respond",
        "health",
        "redirect",
    ];
    let (site, host) = example("static-site", &plugins).await;
    let mut connection = host.connect().await;
    let page = connection.get("/").await;
    assert!(page.text().contains("<h1>A static site</h1>"), "{page}");
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let policy = page.header("content-security-policy");
    assert_eq!(policy, Some("default-src 'self'"));
    let packed = ask(
        &mut connection,
        "GET /",
        &["accept-encoding: gzip, zstd"],
        "",
    )
    .await;
    assert_eq!(packed.header("content-encoding"), Some("zstd"));
    let tag = format!("if-none-match: {}", page.header("etag").unwrap());
    assert_eq!(
        ask(&mut connection, "GET /", &[&tag], "").await.status(),
        304
    );
    let style = connection.get("/css/site.css").await;
    assert_eq!(style.header("cache-control"), Some("public, max-age=86400"));
    let old = connection.get("/old/css/site.css").await;
    assert_eq!(
        (old.status(), old.header("location")),
        (308, Some("/css/site.css"))
    );
    let gone = connection.get("/gone").await;
    assert_eq!(gone.status(), 404);
    assert!(gone.text().contains("There is no such page"), "{gone}");
    site.file("maintenance.on", "");
    let closed = connection.get("/").await;
    assert_eq!(closed.status(), 503);
    assert!(closed.text().contains("back in a moment"), "{closed}");
    assert_eq!(connection.get("/health").await.text(), "ok\n");
    host.message("\"GET /gone HTTP/1.1\" 404 ").await;
}

#[tokio::test]
async fn json_api_example_serves() {
    let plugins = [
        "request-id",
        "logger",
        "runtime",
        "show-exceptions",
        "timeout",
        "respond",
        "head",
        "conditional-get",
        "etag",
        "body-limit",
        "todos",
        "health",
    ];
    let (site, host) = example("json-api", &plugins).await;
    let mut connection = host.connect().await;
    let created = ask(
        &mut connection,
        "POST /todos",
        &[],
        "{\"text\":\"write a plugin\"}",
    )
    .await;
    assert_eq!(
        (created.status(), created.header("location")),
        (201, Some("/todos/1"))
    );
    assert_eq!(created.text(), "{\"id\":1,\"text\":\"write a plugin\"}");
    let id = created.header("x-request-id").unwrap().to_owned();
    let line = host.message(&id).await;
    assert!(line.message().contains("\"status\":201"), "{line}");
    let all = connection.get("/todos").await;
    assert_eq!(all.text(), "[{\"id\":1,\"text\":\"write a plugin\"}]");
    let tag = format!("if-none-match: {}", all.header("etag").unwrap());
    assert_eq!(
        ask(&mut connection, "GET /todos", &[&tag], "")
            .await
            .status(),
        304
    );
    assert_eq!(
        ask(&mut connection, "POST /todos", &[], "tea")
            .await
            .status(),
        400
    );
    let long = "x".repeat(5000);
    assert_eq!(
        ask(&mut connection, "POST /todos", &[], &long)
            .await
            .status(),
        413
    );
    // Another order: the app is kept, and so is its list.
    let manifest = fs::read_to_string(site.path().join("config.ru.toml")).unwrap();
    site.manifest(&manifest.replace("  \"runtime\",\n", ""));
    host.reload("swapped").await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/todos/1").await.status(), 200);
    assert_eq!(
        ask(&mut connection, "DELETE /todos/1", &[], "")
            .await
            .status(),
        204
    );
    assert_eq!(connection.get("/todos/1").await.status(), 404);
    assert_eq!(
        connection.get("/").await.text(),
        "{\"error\":\"there is /todos\"}\n"
    );
    let health = connection.get("/health").await.text();
    assert!(health.starts_with("{\"status\":\"ok\""), "{health}");
}

#[tokio::test]
async fn admin_example_serves() {
    let plugins = [
        "logger",
        "show-exceptions",
        "respond",
        "desk",
        "basic-auth",
        "session",
        "headers",
    ];
    let (_site, host) = example("admin", &plugins).await;
    let mut connection = host.connect().await;
    assert!(connection.get("/").await.text().contains("This is for all"));
    let closed = connection.get("/admin").await;
    assert_eq!(closed.status(), 401);
    let challenge = closed.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Basic realm=\"Desk\""), "{challenge}");
    // ann:sesame
    const ANN: &str = "authorization: Basic YW5uOnNlc2FtZQ==";
    let mut cookie = "cookie: none=0".to_owned();
    for visit in 1..3 {
        let page = ask(&mut connection, "GET /admin", &[ANN, &cookie], "").await;
        let text = format!("Good day, ann. This is visit {visit} of this session.");
        assert!(page.text().contains(&text), "{page}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        let set = page.header("set-cookie").unwrap();
        assert!(set.to_ascii_lowercase().contains("httponly"), "{set}");
        cookie = format!("cookie: {}", set.split(';').next().unwrap());
    }
    let left = ask(&mut connection, "POST /admin/leave", &[ANN, &cookie], "").await;
    assert_eq!(
        (left.status(), left.header("location")),
        (303, Some("/admin"))
    );
    assert!(
        left.header("set-cookie")
            .unwrap()
            .starts_with("rack.session=;")
    );
    let forged = format!("{}x", &cookie[..cookie.len() - 1]);
    let page = ask(&mut connection, "GET /admin", &[ANN, &forged], "").await;
    assert!(page.text().contains("visit 1 of"), "{page}");
    // The cookie alone gives no access.
    assert_eq!(
        ask(&mut connection, "GET /admin", &[&cookie], "")
            .await
            .status(),
        401
    );
}
