use std::fs;

use stackup_plugin::testing::{self, Answered, Json, Mounted, TestRequest, block_on, get, json};

use super::*;

fn mounted(config: Json) -> Mounted {
    testing::middleware::<Maintenance>(config).unwrap()
}

async fn answer(middleware: &Mounted, request: TestRequest) -> Answered {
    middleware
        .call(request, async |_req: Request| "app")
        .await
        .unwrap()
}

#[test]
fn maintenance_is_on_while_the_file_exists() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("down");
        let middleware = mounted(json!({ "file": file, "look_every": 0, "retry_after": 60 }));
        assert_eq!(answer(&middleware, get("/")).await.status(), 200);
        fs::write(&file, "").unwrap();
        let res = answer(&middleware, get("/")).await;
        assert_eq!(res.status(), 503);
        assert_eq!(res.header("retry-after"), Some("60"));
        assert_eq!(res.header("cache-control"), Some("no-store"));
        assert_eq!(
            res.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(res.finish().await.unwrap(), "Down for maintenance\n");
        fs::remove_file(&file).unwrap();
        assert_eq!(
            answer(&middleware, get("/")).await.finish().await.unwrap(),
            "app"
        );
    });
}

#[test]
fn enabled_overrides_the_file() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path();
        for (enabled, status) in [(true, 503), (false, 200)] {
            let middleware = mounted(json!({ "enabled": enabled, "file": file }));
            assert_eq!(answer(&middleware, get("/")).await.status(), status);
        }
    });
}

#[test]
fn page_is_sent() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let page = directory.path().join("down.html");
        fs::write(&page, "<h1>Soon").unwrap();
        let res = answer(&mounted(json!({ "enabled": true, "page": page })), get("/")).await;
        assert_eq!(res.header("content-type"), Some("text/html"));
        assert_eq!(res.header("retry-after"), Some("300"));
        assert_eq!(res.finish().await.unwrap(), "<h1>Soon");
    });
}

#[test]
fn allowed_clients_and_paths_are_let_through() {
    block_on(async {
        let config = json!({ "enabled": true, "allow": ["192.0.2.0/24", "::1"], "allow_paths": ["/health"] });
        let middleware = mounted(config);
        let from = |address: &str| get("/").remote(address.parse().unwrap());
        for (address, status) in [
            ("192.0.2.7:1", 200),
            ("[::ffff:192.0.2.7]:1", 200),
            ("[::1]:1", 200),
            ("192.0.3.7:1", 503),
        ] {
            assert_eq!(
                answer(&middleware, from(address)).await.status(),
                status,
                "{address}"
            );
        }
        let forged = get("/")
            .header("x-forwarded-for", "192.0.2.7")
            .header("forwarded", "for=192.0.2.7");
        assert_eq!(answer(&middleware, forged).await.status(), 503);
        for (path, status) in [
            ("/health", 200),
            ("/health/deep", 200),
            ("/healthy", 503),
            ("/health/../admin", 503),
            ("/health/%2E%2e/admin", 503),
            ("/admin/../health", 200),
        ] {
            assert_eq!(
                answer(&middleware, get(path)).await.status(),
                status,
                "{path}"
            );
        }
    });
}

#[test]
fn error_points_at_the_key() {
    let error = |config: Json| testing::middleware::<Maintenance>(config).err().unwrap();
    assert!(
        error(json!({}))
            .message()
            .starts_with("set `file` or `enabled`")
    );
    assert_eq!(
        error(json!({ "enabled": true, "allow": ["x"] })).place(),
        "allow[0]"
    );
    assert_eq!(
        error(json!({ "enabled": true, "page": "/no/such" })).place(),
        "page"
    );
    assert_eq!(
        error(json!({ "enabled": true, "page": "/dev/zero" })).message(),
        "/dev/zero: it is a device, not a regular file"
    );
    assert_eq!(
        error(json!({ "enabled": true, "retry_after": -1 })).place(),
        "retry_after"
    );
}
