//! Real frameworks behind the shelf: the example `guests`.

use stackup_tests::{Host, Site, artifacts, print_skipped};

use super::{guest_event, runs};
use crate::examples::copy;

/// The plugins of the example's manifest.
const PLUGINS: [&str; 5] = ["logger", "static", "session", "cache", "guest"];

/// Its config for each program, as in its README, and how to see that the program is installed.
const PROGRAMS: [(&str, &str, &[&str]); 7] = [
    (
        "rack",
        r#"{ command = ["puma", "--bind", "unix://$SOCKET"], dir = "rack" }"#,
        &["ruby", "-e", "require 'rack'; require 'puma'"],
    ),
    (
        "sinatra",
        r#"{ command = ["puma", "--bind", "unix://$SOCKET"], dir = "sinatra" }"#,
        &["ruby", "-e", "require 'sinatra/base'; require 'puma'"],
    ),
    (
        "flask",
        r#"{ command = ["gunicorn", "--bind", "unix:$SOCKET", "app:app"], dir = "flask" }"#,
        &["/usr/bin/python3", "-c", "import flask, gunicorn"],
    ),
    (
        "django",
        r#"{ command = ["gunicorn", "--bind", "unix:$SOCKET", "app:app"], dir = "django" }"#,
        &["/usr/bin/python3", "-c", "import django, gunicorn"],
    ),
    (
        "express",
        r#"{ command = ["node", "app.js"], dir = "express", env = { NODE_PATH = "/usr/share/nodejs" } }"#,
        &[
            "env",
            "NODE_PATH=/usr/share/nodejs",
            "node",
            "-e",
            "require('express')",
        ],
    ),
    (
        "asgi",
        r#"{ command = ["uvicorn", "--uds", "$SOCKET", "app:app"], dir = "asgi" }"#,
        &["/usr/bin/python3", "-c", "import uvicorn"],
    ),
    (
        "node",
        r#"{ command = ["node", "app.js"], dir = "node" }"#,
        &["node", "--version"],
    ),
];

/// Serves the example with this program; none if it is not installed.
async fn serve(name: &str) -> Option<(Site, Host)> {
    let (_, config, check) = PROGRAMS.iter().find(|(named, ..)| *named == name)?;
    if !runs(check[0], &check[1..]) {
        print_skipped(&format!("what the guest `{name}` needs is not installed"));
        return None;
    }
    let folder = artifacts::workspace().join("examples/guests");
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("a page");
    let manifest = std::fs::read_to_string(folder.join("config.ru.toml")).expect("a manifest");
    let (_, first, _) = PROGRAMS[0];
    assert!(manifest.contains(first), "{manifest}");
    assert!(name == "rack" || readme.contains(config), "{readme}");
    let site = Site::new("", &PLUGINS);
    copy(&folder, site.path());
    site.manifest(&manifest.replace(first, config));
    let host = Host::start_in("development", &site).await;
    Some((site, host))
}

async fn answers_behind_the_shelf(name: &str) {
    let Some((_site, host)) = serve(name).await else {
        return;
    };
    guest_event(&host, "ready").await;
    let response = host.get("/hello").await;
    assert_eq!(response.status(), 200, "{response}\n{}", host.log());
    assert!(
        response.text().starts_with(&format!("{name} /hello")),
        "{response}"
    );
    let (first, second) = (host.get("/cached").await, host.get("/cached").await);
    assert_eq!(first.text(), second.text(), "the cache has it");
    let hit = second.header("cache-status").unwrap_or_default();
    assert!(hit.contains("hit"), "{second}");
    let file = host.get("/assets/site.css").await;
    assert!(file.text().starts_with("body"), "{file}");
    assert_eq!(file.header("via"), None, "no guest has seen it: {file}");
}

#[tokio::test]
async fn rack_app_under_puma_answers_behind_the_shelf() {
    answers_behind_the_shelf("rack").await;
}

#[tokio::test]
async fn sinatra_answers_behind_the_shelf() {
    answers_behind_the_shelf("sinatra").await;
}

#[tokio::test]
async fn flask_under_gunicorn_answers_behind_the_shelf() {
    answers_behind_the_shelf("flask").await;
}

#[tokio::test]
async fn django_under_gunicorn_answers_behind_the_shelf() {
    answers_behind_the_shelf("django").await;
}

#[tokio::test]
async fn express_answers_behind_the_shelf() {
    answers_behind_the_shelf("express").await;
}

#[tokio::test]
async fn asgi_app_under_uvicorn_answers_behind_the_shelf() {
    answers_behind_the_shelf("asgi").await;
}

#[tokio::test]
async fn node_answers_behind_the_shelf() {
    answers_behind_the_shelf("node").await;
}

#[tokio::test]
async fn save_of_a_rack_app_serves_the_new_code() {
    let Some((site, host)) = serve("rack").await else {
        return;
    };
    guest_event(&host, "ready").await;
    let path = site.path().join("rack/config.ru");
    let text = std::fs::read_to_string(&path).expect("an app");
    site.file("rack/config.ru", "this is no Ruby at all (");
    let refused = host.reload("refused").await;
    assert!(refused.text("error").contains("config.ru"), "{refused}");
    assert!(host.get("/").await.text().starts_with("rack /"));
    site.file("rack/config.ru", text.replace("rack #{", "new #{"));
    host.reload("swapped").await;
    assert!(
        host.get("/").await.text().starts_with("new /"),
        "{}",
        host.log()
    );
}
