//! `basic-auth`.

use super::ask;
use stackup_tests::{Host, Site};

const MANIFEST: &str = r#"
run = "answers"
[[use]]
plugin = "basic-auth"
config = { realm = "Shelf", htpasswd = "htpasswd", look_every = 0 }
"#;

/// The hash of `sesame`.
const HASH: &str = "$2y$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW";

const ANN: &str = "authorization: Basic YW5uOnNlc2FtZQ==";

#[tokio::test]
async fn user_removed_from_file_is_refused() {
    let site = Site::new("run = \"answers\"", &["basic-auth", "answers"]);
    site.file("htpasswd", format!("ann:{HASH}\n"));
    site.manifest(MANIFEST);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let res = ask(&mut connection, "GET /", &[]).await;
    assert_eq!(res.status(), 401);
    let challenge = "Basic realm=\"Shelf\", charset=\"UTF-8\"";
    assert_eq!(res.header("www-authenticate"), Some(challenge));
    assert_eq!(res.header("content-length"), Some("0"));
    let res = ask(&mut connection, "GET /?show=env", &[ANN]).await;
    assert_eq!(res.status(), 200);
    assert!(res.text().contains("\nREMOTE_USER=ann\n"), "{}", res.text());
    let wrong = "authorization: Basic YW5uOm9wZW4=";
    assert_eq!(ask(&mut connection, "GET /", &[wrong]).await.status(), 401);
    let other = "authorization: Bearer YW5uOnNlc2FtZQ==";
    assert_eq!(ask(&mut connection, "GET /", &[other]).await.status(), 400);
    site.file("htpasswd", format!("bob:{HASH}\n"));
    assert_eq!(ask(&mut connection, "GET /", &[ANN]).await.status(), 401);
}

#[tokio::test]
async fn plain_password_is_refused_in_production() {
    let site = Site::new(
        "use = [{ plugin = \"basic-auth\", config = { plain = { ann = \"sesame\" } } }]\nrun = \"answers\"",
        &["basic-auth", "answers"],
    );
    let host = Host::start_in("development", &site).await;
    let mut connection = host.connect().await;
    assert_eq!(ask(&mut connection, "GET /", &[ANN]).await.status(), 200);
    let arguments = ["-p", "0", "-o", "127.0.0.1", "-E", "production"];
    let mut refused = Host::launch(stackup_tests::artifacts::stackup(), &site, &arguments);
    assert!(!refused.exited().await.success());
    assert!(
        refused.log().to_string().contains("plain"),
        "{}",
        refused.log()
    );
}
