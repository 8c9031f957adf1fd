//! `security-headers`.

use super::serve;

const LAYER: &str = "{ plugin = \"security-headers\", config = { csp = { script-src = [\"'self'\"] }, csp_nonce = [\"script-src\"] } }";

#[tokio::test]
async fn app_sees_nonce_of_response() {
    let (_site, host) = serve(LAYER, &["security-headers"]).await;
    let mut connection = host.connect().await;
    let mut last = String::new();
    for _ in 0..2 {
        let res = connection.get("/?show=env").await;
        assert_eq!(res.header("x-content-type-options"), Some("nosniff"));
        let text = res.text();
        let nonce = text
            .lines()
            .find_map(|line| line.strip_prefix("csp.nonce="));
        let nonce = nonce.expect("the env has a nonce");
        let policy = format!("script-src 'self' 'nonce-{nonce}'");
        assert_eq!(res.header("content-security-policy"), Some(policy.as_str()));
        assert_ne!(nonce, last);
        last = nonce.to_owned();
    }
}
