//! `config`.

use super::{ask, serve};

#[tokio::test]
async fn app_sees_configured_env() {
    let layer = r#"{ plugin = "config", config = { env = { "app.name" = "shop" }, headers = { x-tenant = "one" } } }"#;
    let (_site, host) = serve(layer, &["config"]).await;
    let mut connection = host.connect().await;
    let text = ask(&mut connection, "GET /?show=env", &["x-tenant: two"])
        .await
        .text();
    assert!(text.contains("\napp.name=shop\n"), "{text}");
    assert!(text.contains("\nHTTP_X_TENANT=one\n"), "{text}");
}
