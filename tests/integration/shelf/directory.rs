//! `directory`.

use std::fs;

use stackup_tests::{Host, Site};

const MANIFEST: &str = r#"
run = "directory"
[[map]]
path = "/pub"
run = "directory"
"#;

#[tokio::test]
async fn listing_links_work_below_map() {
    let site = Site::new(MANIFEST, &["directory"]);
    fs::create_dir_all(site.path().join("public/sub dir")).unwrap();
    site.file("public/sub dir/a b.txt", "found");
    let host = Host::start(&site).await;
    let top = host.get("/pub").await;
    assert_eq!((top.status(), top.header("location")), (301, Some("/pub/")));
    let mut target = "/pub/".to_owned();
    for link in ["sub%20dir/", "a%20b.txt"] {
        let page = host.get(&target).await;
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(
            page.text().contains(&format!("href=\"./{link}\"")),
            "{page}"
        );
        target.push_str(link);
    }
    assert_eq!(host.get(&target).await.text(), "found");
    let elsewhere = host.get("//sub%20dir").await;
    assert_eq!(elsewhere.header("location"), Some("/sub%20dir/"));
}
