//! The life of an instance: tried, serving, retiring.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use stackup_plugin::testing::{self, block_on, get, json};
use stackup_plugin::{App, Bytes, Context, Error, IntoResponse, Request, Result, tracing};

#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    panics: bool,
}

/// Counts requests, also over its instances.
struct Counter {
    count: AtomicU64,
    panics: bool,
    cx: Context,
}

impl App for Counter {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let panics = config.panics;
        let (count, cx) = (AtomicU64::new(0), cx.clone());
        Ok(Self { count, panics, cx })
    }

    fn serving(&self, cx: &Context) -> Result<()> {
        assert!(!self.panics, "no service today");
        tracing::info!("{} serves", cx.handler());
        Ok(())
    }

    fn hand_over(&self) -> Option<Bytes> {
        assert!(!self.panics, "not mine to give");
        Some(self.count.load(Ordering::SeqCst).to_string().into())
    }

    fn inherit(&self, state: Bytes) -> Result<()> {
        let count: u64 = std::str::from_utf8(&state)?.parse()?;
        self.count.fetch_add(count, Ordering::SeqCst);
        Ok(())
    }

    async fn call(&self, req: Request) -> Result {
        if req.path() == "/wait" {
            self.cx.retiring().await;
            return format!("retiring in {}", req.generation()).into_response();
        }
        let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        format!("{count} {}", self.cx.is_trial()).into_response()
    }
}

fn counter(panics: bool) -> testing::Mounted {
    testing::app::<Counter>(json!({ "panics": panics })).unwrap()
}

fn answer(app: &testing::Mounted) -> String {
    block_on(async { app.answer(get("/")).await?.finish().await }).unwrap()
}

#[test]
fn state_goes_from_one_instance_to_the_next() {
    let (old, new) = (counter(false), counter(false));
    assert_eq!(answer(&old), "1 false");
    assert_eq!(answer(&old), "2 false");
    let state = old.hand_over().unwrap().expect("it gives its count");
    new.inherit(&state).unwrap();
    assert_eq!(answer(&new), "3 false");
    let refused = new.inherit(b"many").unwrap_err();
    assert!(refused.to_string().contains("invalid digit"), "{refused}");
    assert_eq!(answer(&new), "4 false");
}

#[test]
fn panics_in_the_calls_of_life_are_errors() {
    let app = counter(true);
    for (error, message) in [
        (app.serving().unwrap_err(), "no service today"),
        (app.hand_over().unwrap_err(), "not mine to give"),
    ] {
        let error: Error = error;
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(answer(&app), "1 false");
}

#[test]
fn handler_without_these_calls_has_none() {
    let app = testing::app_fn(async || "plain").unwrap();
    app.serving().unwrap();
    assert!(app.hand_over().unwrap().is_none());
    app.inherit(b"of another version").unwrap();
}

#[test]
fn instance_learns_that_it_retires_and_that_it_is_tried() {
    let log = testing::log();
    let app = counter(false);
    app.serving().unwrap();
    assert!(
        log.lines()
            .iter()
            .any(|line| line.to_string().contains("test serves"))
    );
    app.retire();
    let res = block_on(async { app.answer(get("/wait").generation(7)).await?.finish().await });
    assert_eq!(res.unwrap(), "retiring in 7");
    let tried = testing::trial(|| testing::app::<Counter>(json!({}))).unwrap();
    assert_eq!(answer(&tried), "1 true");
}

#[test]
fn futures_at_the_end_run_in_order_after_the_drop() {
    static ORDER: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    struct Ends;
    impl App for Ends {
        type Config = ();
        fn init((): (), cx: &Context) -> Result<Self> {
            let sleep = cx.sleep(Duration::from_millis(1));
            cx.at_end(async move {
                sleep.await;
                ORDER.lock().unwrap().push("first");
            })?;
            cx.at_end(async { ORDER.lock().unwrap().push("second") })?;
            Ok(Self)
        }
        async fn call(&self, _req: Request) -> Result {
            "".into_response()
        }
    }
    impl Drop for Ends {
        fn drop(&mut self) {
            ORDER.lock().unwrap().push("dropped");
        }
    }
    let app = testing::app::<Ends>(json!(null)).unwrap();
    block_on(app.answer(get("/"))).unwrap();
    assert!(ORDER.lock().unwrap().is_empty());
    drop(app);
    assert_eq!(*ORDER.lock().unwrap(), ["dropped", "first", "second"]);
}

#[test]
fn future_at_the_end_runs_after_an_init_that_fails() {
    static CLOSED: AtomicBool = AtomicBool::new(false);
    struct Fails;
    impl App for Fails {
        type Config = ();
        fn init((): (), cx: &Context) -> Result<Self> {
            cx.at_end(async { CLOSED.store(true, Ordering::SeqCst) })?;
            Err("no".into())
        }
        async fn call(&self, _req: Request) -> Result {
            "".into_response()
        }
    }
    assert!(testing::app::<Fails>(json!(null)).is_err());
    assert!(CLOSED.load(Ordering::SeqCst));
}
