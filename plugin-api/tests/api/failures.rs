use stackup_plugin::testing::{self, block_on, get, json};
use stackup_plugin::{App, Context, Error, Next, Request, Result, StatusCode};

/// Panics at the point that its config names.
struct Bomb(String);

#[stackup_plugin::config]
struct Where {
    at: String,
}

impl App for Bomb {
    type Config = Where;

    fn init(config: Where, _cx: &Context) -> Result<Self> {
        assert_ne!(config.at, "init", "no init");
        Ok(Self(config.at))
    }

    async fn call(&self, _req: Request) -> Result {
        let at = &self.0;
        panic!("no {at}")
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert_ne!(self.0, "drop", "no drop");
    }
}

fn bomb(at: &str) -> Result<testing::Mounted> {
    testing::app::<Bomb>(json!({ "at": at }))
}

fn is_panic(error: &Error, message: &str) {
    assert!(error.is_panic(), "{error:?}");
    assert!(error.message().contains(message), "{error:?}");
    assert!(error.place().contains("failures.rs:"), "{error:?}");
    assert_eq!((error.handler(), error.status().as_u16()), ("test", 500));
}

#[test]
fn panic_is_error_with_message_location_and_handler() {
    is_panic(&bomb("init").err().unwrap(), "no init");
    is_panic(
        &block_on(bomb("call").unwrap().answer(get("/"))).unwrap_err(),
        "no call",
    );
}

#[test]
fn drop_panic_is_logged() {
    let log = testing::log();
    drop(bomb("drop").unwrap());
    let [line] = log.lines().try_into().unwrap();
    assert!(line.message.contains("no drop"), "{line}");
    assert_eq!(line.handler, "test");
}

#[test]
fn handler_serves_after_panic() {
    let app = bomb("call").unwrap();
    for _ in 0..3 {
        block_on(app.answer(get("/"))).unwrap_err();
    }
}

#[test]
fn outer_layer_gets_unchanged_error() {
    async fn soften(req: Request, next: Next<'_>) -> Result {
        next.run(req)
            .await
            .map_err(|error| error.with_status(StatusCode::BAD_GATEWAY))
    }
    let stack = testing::middleware_fn(soften)
        .unwrap()
        .over(bomb("call").unwrap());
    let error = block_on(stack.answer(get("/"))).unwrap_err();
    assert!(
        error.is_panic() && error.place().contains("failures.rs:"),
        "{error:?}"
    );
    assert_eq!(error.status(), 502);
}

#[test]
fn panic_stays_a_fault_of_the_server() {
    let panic = block_on(bomb("call").unwrap().answer(get("/"))).unwrap_err();
    assert_eq!(panic.or_status(StatusCode::BAD_REQUEST).status(), 500);
}

#[test]
fn causes_appear_once_in_message() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bad port")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let error = Error::from(Outer("x".parse::<u8>().unwrap_err()));
    assert_eq!(error.message(), "bad port: invalid digit found in string");
    let text = error.into_std().to_string();
    assert_eq!(text, "bad port: invalid digit found in string");
}

#[test]
fn boxed_errors_and_text_become_errors() {
    fn anyhow() -> Result<()> {
        Err(anyhow::anyhow!("no disk").context("can't save"))?
    }
    fn boxed() -> Result<()> {
        let error: Box<dyn std::error::Error + Send + Sync> = "boxed".into();
        Err(error)?
    }
    fn text() -> Result<()> {
        Err("text")?
    }
    let messages = [anyhow, boxed, text].map(|fail| fail().unwrap_err().message().to_owned());
    assert_eq!(messages, ["can't save: no disk", "boxed", "text"]);
}

#[test]
fn own_error_is_found_again_within_others() {
    let own = || {
        let error = Error::new(StatusCode::TOO_MANY_REQUESTS, "too many");
        error.with_header("retry-after", "7").unwrap()
    };
    let direct = Error::from(own().into_std());
    let within = std::io::Error::other(own().into_std());
    let deep = Error::from(anyhow::Error::from(within).context("can't ask"));
    for error in [&direct, &deep] {
        assert_eq!(error.status(), 429, "{error:?}");
        assert_eq!(error.header("retry-after"), Some("7"), "{error:?}");
    }
    assert_eq!(direct.message(), "too many");
    assert_eq!(deep.message(), "can't ask: too many");
}

#[test]
fn headers_of_an_error_reach_the_layers_above() {
    async fn refuse(_req: Request) -> Result {
        let error = Error::new(StatusCode::UNAUTHORIZED, "who are you?");
        let error = error.with_header("www-authenticate", "Basic")?;
        // The last one stands.
        Err(error.with_header("WWW-Authenticate", "Bearer")?)
    }
    async fn pass(req: Request, next: Next<'_>) -> Result {
        let error = next.run(req).await.unwrap_err();
        assert_eq!(error.header("www-authenticate"), Some("Bearer"));
        Err(error.with_header("vary", "cookie")?)
    }
    let app = testing::app_fn(refuse).unwrap();
    let stack = testing::middleware_fn(pass).unwrap().over(app);
    let error = block_on(stack.answer(get("/"))).unwrap_err();
    assert_eq!(error.headers().len(), 2, "{error:?}");
    assert_eq!(error.header("www-authenticate"), Some("Bearer"));
    assert_eq!(error.header("vary"), Some("cookie"));
}

#[test]
fn invalid_header_of_an_error_is_refused() {
    for (name, value) in [
        ("a b", "c"),
        ("retry-after", "1\r\nx: y"),
        ("content-length", "3"),
        ("Content-Type", "text/html"),
    ] {
        let error = Error::msg("no").with_header(name, value).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn middleware_without_next_is_error() {
    async fn pass(req: Request, next: Next<'_>) -> Result {
        next.run(req).await
    }
    let error = block_on(testing::middleware_fn(pass).unwrap().answer(get("/"))).unwrap_err();
    assert!(
        error
            .message()
            .starts_with("a middleware needs a `next` here"),
        "{error}"
    );
}
