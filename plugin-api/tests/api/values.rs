use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use stackup_plugin::testing::{self, block_on, get};
use stackup_plugin::{Next, Request, Result};

#[test]
fn put_value_is_text_in_the_env() {
    async fn put(mut req: Request, next: Next<'_>) -> Result {
        req.put("list", &[1, 2])?;
        next.run(req).await
    }
    async fn read(req: Request) -> Result<String> {
        let list: Option<Vec<u8>> = req.get("list")?;
        assert_eq!(req.get::<u8>("another")?, None);
        let wrong = req.get::<Vec<String>>("list").unwrap_err();
        let expected = "`list` does not fit what this layer expects: [0]: invalid type: integer `1`, expected a string";
        assert!(wrong.message().starts_with(expected), "{wrong}");
        Ok(format!("{list:?} {:?}", req.env().get("list")))
    }
    let stack = testing::middleware_fn(put).unwrap();
    let stack = stack.over(testing::app_fn(read).unwrap());
    let text = block_on(async { stack.answer(get("/")).await?.finish().await });
    assert_eq!(text.unwrap(), "Some([1, 2]) Some(\"[1,2]\")");
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn local_value_is_found_by_type_and_dropped_with_the_request() {
    async fn outer(mut req: Request, next: Next<'_>) -> Result {
        let drops = Arc::new(AtomicUsize::new(0));
        assert!(req.set_local(Counted(Arc::clone(&drops))).is_none());
        assert!(req.set_local(1_u8).is_none());
        assert_eq!(req.set_local(2_u8), Some(1));
        // There is one of each, and it stays with the first request.
        assert!(req.fork().local::<Counted>().is_none());
        assert_eq!(drops.load(Relaxed), 0);
        let res = next.run(req).await?;
        assert_eq!(drops.load(Relaxed), 1);
        Ok(res)
    }
    async fn inner(mut req: Request) -> String {
        *req.local_mut::<u8>().unwrap() += 1;
        assert!(req.local_mut::<u16>().is_none());
        let drops = req.local::<Counted>().unwrap().0.load(Relaxed);
        format!("{:?} {drops}", req.local::<u8>())
    }
    let stack = testing::middleware_fn(outer).unwrap();
    let stack = stack.over(testing::app_fn(inner).unwrap());
    let text = block_on(async { stack.answer(get("/")).await?.finish().await });
    assert_eq!(text.unwrap(), "Some(3) 0");
}

#[test]
fn panic_in_the_drop_of_a_value_is_logged() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("no drop");
        }
    }
    async fn keep(mut req: Request) -> &'static str {
        req.set_local(Bomb);
        "kept"
    }
    let log = testing::log();
    let app = testing::app_fn(keep).unwrap();
    let text = block_on(async { app.answer(get("/")).await?.finish().await });
    assert_eq!(text.unwrap(), "kept");
    let [line] = log.lines().try_into().unwrap();
    assert!(line.message.contains("no drop"), "{line}");
}
