//! axum with a stack below its routes and one around them.

use stackup_tests::Site;

use super::program::Program;

/// A site for `embed-axum`: the manifest below its routes, and the one around them.
pub(super) fn site(below: &str, around: &str, plugins: &[&str]) -> Site {
    let site = Site::new(below, plugins);
    site.file("around.ru.toml", around);
    site
}

#[tokio::test]
async fn routes_of_axum_answer_and_the_stack_the_rest() {
    let site = site("run = \"env\"", "use = [\"runtime\"]", &["env", "runtime"]);
    let program = Program::start("embed-axum", &site).await;
    let mut connection = program.connect().await;
    let axum = connection.get("/axum").await;
    assert_eq!((axum.status(), &*axum.text()), (200, "hello from axum\n"));
    assert!(axum.header("x-runtime").is_some(), "the layer is around it");
    let env = connection.get("/a//b?c").await;
    assert_eq!(env.status(), 200);
    assert!(env.header("x-runtime").is_some(), "and around the stack");
    let text = env.text();
    let expected = [
        ("REMOTE_ADDR", "127.0.0.1"),
        ("PATH_INFO", "/a/b"),
        ("QUERY_STRING", "c"),
    ];
    for (name, value) in expected {
        let line = format!("{name:?}: {value:?}");
        assert!(text.contains(&line), "no `{line}` in {text}");
    }
    assert!(!program.log().contains("WARN"), "{}", program.log());
}

#[tokio::test]
async fn middleware_of_the_layer_answer_before_axum() {
    let site = site(
        "run = \"env\"",
        "use = [\"force-ssl\"]",
        &["env", "force-ssl"],
    );
    let program = Program::start("embed-axum", &site).await;
    assert_eq!(program.connect().await.get("/axum").await.status(), 301);
}

#[tokio::test]
async fn layer_with_an_app_is_refused() {
    let site = site("run = \"env\"", "run = \"env\"", &["env"]);
    let mut program = Program::spawn("embed-axum", &site);
    assert!(!program.ended().await.success());
    program.logs("the layer's own service is its app").await;
}
