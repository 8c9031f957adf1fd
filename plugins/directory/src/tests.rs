use std::fs;
use std::os::unix::fs::symlink;

use stackup_plugin::Method;
use stackup_plugin::testing::{self, Answered, Json, TestRequest, block_on, get, json, request};
use tempfile::TempDir;

use super::*;

fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    fs::create_dir_all(root.join("sub/deep")).unwrap();
    fs::create_dir(root.join("evil.com")).unwrap();
    fs::create_dir(root.join(".git")).unwrap();
    for name in [
        "b.txt",
        "a.txt",
        ".env",
        "<i>&\"'.html",
        "javascript:alert(1)",
        "50%?#.txt",
        "sub/c",
    ] {
        fs::write(root.join(name), "text").unwrap();
    }
    fs::write(place.path().join("secret"), "s3cret").unwrap();
    symlink("../secret", root.join("out")).unwrap();
    symlink("a.txt", root.join("in")).unwrap();
    place
}

async fn answer(place: &TempDir, mut config: Json, request: TestRequest) -> Answered {
    config["root"] = json!(place.path().join("root"));
    let directory = testing::app::<Directory>(config).unwrap();
    directory.answer(request).await.unwrap()
}

/// What the links of a page lead to.
fn links(page: &str) -> Vec<&str> {
    let links = page.split("href=\"").skip(1);
    links.map(|rest| rest.split_once('"').unwrap().0).collect()
}

#[test]
fn listing_is_sorted_and_its_links_work() {
    block_on(async {
        let place = place();
        let res = answer(&place, json!({}), get("/")).await;
        assert_eq!(res.status(), 200);
        assert_eq!(res.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = res.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        let page = res.finish().await.unwrap();
        let expected = [
            "./evil.com/",
            "./sub/",
            "./50%25%3F%23.txt",
            "./%3Ci%3E&amp;%22&#39;.html",
            "./a.txt",
            "./b.txt",
            "./in",
            "./javascript:alert(1)",
        ];
        assert_eq!(links(&page), expected);
        assert!(
            page.contains(">&lt;i&gt;&amp;&quot;&#39;.html</a><td>4 B<td>"),
            "{page}"
        );
        assert!(!page.contains("<i>") && !page.contains("Parent"), "{page}");
        for link in ["/50%25%3F%23.txt", "/javascript:alert(1)", "/in"] {
            let res = answer(&place, json!({}), get(link)).await;
            assert_eq!(res.finish().await.unwrap(), "text", "{link}");
        }
        let page = answer(&place, json!({}), get("/sub/"))
            .await
            .finish()
            .await
            .unwrap();
        assert_eq!(links(&page), ["../", "./deep/", "./c"]);
        assert!(page.contains("<h1>/sub/</h1>"), "{page}");
    });
}

#[test]
fn config_decides_what_is_listed() {
    block_on(async {
        let place = place();
        let listed = async |config: Json| {
            answer(&place, config, get("/"))
                .await
                .finish()
                .await
                .unwrap()
        };
        let page = listed(json!({ "dot_files": true })).await;
        assert!(
            page.contains("\"./.env\"") && page.contains("\"./.git/\""),
            "{page}"
        );
        let page = listed(json!({ "symlinks": "refuse" })).await;
        assert!(
            !page.contains("\"./in\"") && !page.contains("\"./out\""),
            "{page}"
        );
        let page = listed(json!({ "symlinks": "follow" })).await;
        assert!(
            page.contains("\"./in\"") && page.contains("\"./out\""),
            "{page}"
        );
    });
}

#[test]
fn path_without_slash_is_redirected_within_the_server() {
    block_on(async {
        let place = place();
        for (path, location) in [
            ("/sub", "/sub/"),
            ("/sub?a=b", "/sub/?a=b"),
            ("//evil.com", "/evil.com/"),
            ("///sub//deep", "/sub/deep/"),
        ] {
            let res = answer(&place, json!({}), get(path)).await;
            assert_eq!(
                (res.status().as_u16(), res.header("location")),
                (301, Some(location)),
                "{path}"
            );
        }
        fs::create_dir(place.path().join("root/\\evil.com")).unwrap();
        let res = answer(&place, json!({}), get("/\\evil.com")).await;
        assert_eq!(res.header("location"), Some("/%5Cevil.com/"));
    });
}

#[test]
fn other_paths_get_404_or_400() {
    block_on(async {
        let place = place();
        for (path, status) in [
            ("/.git/", 404),
            ("/sub/%2e%2e/.git/", 404),
            ("/gone/", 404),
            ("/out", 404),
            ("/%FF/", 400),
        ] {
            let res = answer(&place, json!({}), get(path)).await;
            assert_eq!(
                (res.status().as_u16(), res.header("x-cascade")),
                (status, Some("pass")),
                "{path}"
            );
        }
        let res = answer(&place, json!({}), request(Method::POST, "/")).await;
        assert_eq!(
            (res.status().as_u16(), res.header("allow")),
            (405, Some("GET, HEAD, OPTIONS"))
        );
        for (path, status) in [
            ("/", 200),
            ("/sub", 200),
            ("/a.txt", 200),
            ("/gone", 404),
            ("/.git/", 404),
        ] {
            let res = answer(&place, json!({}), request(Method::OPTIONS, path)).await;
            assert_eq!(res.status(), status, "{path}");
            assert_eq!(res.headers().contains("allow"), status == 200, "{path}");
        }
    });
}
