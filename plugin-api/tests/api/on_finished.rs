use std::sync::{Arc, Mutex};

use stackup_plugin::testing::{self, block_on, get};
use stackup_plugin::{Body, Error, Next, Request, Result};

type Seen = Arc<Mutex<Vec<String>>>;

fn watch(seen: &Seen) -> testing::Mounted {
    let seen = Arc::clone(seen);
    struct Fields(Seen);
    let fields = Fields(seen);
    let app = async move |mut req: Request| {
        for name in ["first", "second"] {
            let seen = Arc::clone(&fields.0);
            req.on_finished(move |end| {
                let status = end.status().map(|status| status.as_u16());
                let error = end.error().map(|error| error.message().to_owned());
                let line = format!("{name} {status:?} {} {error:?}", end.body_bytes());
                seen.lock().unwrap().push(line);
            });
        }
        match req.path() {
            "/fail" => Err(Error::msg("no")),
            "/panic" => panic!("oh"),
            _ => Ok(Body::from("hello")),
        }
    };
    let app = Arc::new(app);
    testing::app_fn(move |req: Request| {
        let app = Arc::clone(&app);
        async move { app(req).await }
    })
    .unwrap()
}

#[test]
fn hooks_run_in_reverse_at_end_of_body() {
    let seen = Seen::default();
    block_on(async {
        let res = watch(&seen).answer(get("/")).await.unwrap();
        assert!(seen.lock().unwrap().is_empty());
        res.finish().await.unwrap();
    });
    assert_eq!(
        *seen.lock().unwrap(),
        ["second Some(200) 5 None", "first Some(200) 5 None"]
    );
}

#[test]
fn hooks_run_without_response() {
    for (path, error) in [("/fail", "no"), ("/panic", "oh")] {
        let seen = Seen::default();
        block_on(watch(&seen).answer(get(path))).unwrap_err();
        assert_eq!(
            seen.lock().unwrap()[1],
            format!("first None 0 Some({error:?})")
        );
    }
}

#[test]
fn hooks_run_when_client_leaves() {
    let seen = Seen::default();
    drop(block_on(watch(&seen).answer(get("/"))).unwrap());
    assert_eq!(
        seen.lock().unwrap()[1],
        "first Some(200) 0 Some(\"the client left\")"
    );
}

#[test]
fn panicking_hook_does_not_stop_others() {
    let log = testing::log();
    let seen = Seen::default();
    let inner = Arc::clone(&seen);
    async fn bad(mut req: Request, next: Next<'_>) -> Result {
        req.on_finished(|_| ());
        req.on_finished(|_| panic!("bad hook"));
        next.run(req).await
    }
    let stack = testing::middleware_fn(bad).unwrap().over(watch(&inner));
    block_on(async { stack.answer(get("/")).await.unwrap().finish().await }).unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
    let [line] = log.messages().try_into().unwrap();
    assert!(
        line.contains("hook panicked at") && line.ends_with(": bad hook"),
        "{line}"
    );
}
