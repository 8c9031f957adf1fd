use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use serde_json::json;

use super::*;

/// Instances that share with each other and with no other test.
fn instances<const COUNT: usize>() -> [SharedValues; COUNT] {
    let test = Some(thread::current().id());
    [(); COUNT].map(|()| SharedValues {
        test,
        ..SharedValues::new()
    })
}

/// Counts the living.
struct Living<'a>(&'a AtomicUsize);

impl<'a> Living<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count)
    }
}

impl Drop for Living<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[test]
fn last_instance_drops_what_the_first_has_opened() {
    static LIVING: AtomicUsize = AtomicUsize::new(0);
    let [first, second] = instances();
    let open = || Ok(Living::new(&LIVING));
    let one = first.get_or_open(json!({ "a": 1, "b": 2 }), open).unwrap();
    let same = second
        .get_or_open::<Living<'_>>(json!({ "b": 2, "a": 1 }), || unreachable!())
        .unwrap();
    assert!(Arc::ptr_eq(&one, &same));
    let other = second.get_or_open(json!("other"), open).unwrap();
    assert!(!Arc::ptr_eq(&one, &other));
    second.get_or_open(json!("other"), || Ok(7)).unwrap();
    drop((one, same, other));
    assert_eq!(LIVING.load(SeqCst), 2, "the instances hold them");
    first.release();
    assert_eq!(LIVING.load(SeqCst), 2);
    second.release();
    assert_eq!(LIVING.load(SeqCst), 0);
    let [third] = instances();
    third.get_or_open(json!("other"), open).unwrap();
    assert_eq!(LIVING.load(SeqCst), 1, "it is opened again");
    assert!(second.get_or_open(json!("late"), open).is_err());
    third.release();
}

#[test]
fn two_that_open_at_the_same_time_open_once() {
    static OPENED: AtomicUsize = AtomicUsize::new(0);
    let both = instances::<2>();
    let together = Barrier::new(2);
    thread::scope(|scope| {
        let opened = both.each_ref().map(|one| {
            scope.spawn(|| {
                together.wait();
                let open = || {
                    // The other one is on its way.
                    thread::yield_now();
                    Ok(OPENED.fetch_add(1, SeqCst))
                };
                *one.get_or_open(json!(null), open).unwrap()
            })
        });
        for thread in opened {
            assert_eq!(thread.join().unwrap(), 0);
        }
    });
    assert_eq!(OPENED.load(SeqCst), 1);
}

#[test]
fn failed_opening_is_not_remembered() {
    let [one] = instances();
    let failed = one.get_or_open::<u8>(json!(1), || Err(Error::msg("no database")));
    assert_eq!(failed.unwrap_err().message(), "no database");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        one.get_or_open::<u8>(json!(1), || panic!("no luck"))
    }));
    assert!(panicked.is_err());
    assert_eq!(*one.get_or_open(json!(1), || Ok(3_u8)).unwrap(), 3);
}

#[test]
fn opening_that_asks_for_itself_is_refused() {
    let [one] = instances();
    let nested = |key: u8| one.get_or_open(json!(key), || Ok(format!("{key}")));
    let inner = one.get_or_open(json!(1), || Ok(nested(2)?.to_string()));
    assert_eq!(*inner.unwrap(), "2");
    let itself = one.get_or_open(json!(3), || Ok(nested(3)?.to_string()));
    assert!(itself.unwrap_err().message().contains("is opening"));
    assert_eq!(*nested(3).unwrap(), "3");
}

/// A handler that shares what it logs the drop of; its `init` fails after that, if the config says so.
#[cfg(feature = "tokio")]
mod handlers {
    use std::sync::atomic::AtomicBool;

    use tokio::runtime::Handle;

    use super::*;
    use crate::{App, Context, IntoResponse, Request, Result, testing};

    /// Whether tasks still run where a value is dropped.
    static TASKS_RUN: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

    struct Value(usize);

    impl Drop for Value {
        fn drop(&mut self) {
            let task = Handle::current().block_on(tokio::spawn(async {}));
            TASKS_RUN[self.0].store(task.is_ok(), SeqCst);
        }
    }

    struct Shares(Arc<Value>);

    impl App for Shares {
        type Config = usize;

        fn init(number: usize, cx: &Context) -> Result<Self> {
            let value = cx.shared(&number, || Ok(Value(number)))?;
            match number {
                0 => Ok(Self(value)),
                1 => Err(Error::msg("no")),
                _ => panic!("no"),
            }
        }

        async fn call(&self, _req: Request) -> Result {
            self.0.0.to_string().into_response()
        }
    }

    #[test]
    fn value_is_dropped_while_the_runtime_runs() {
        for (number, dropped) in TASKS_RUN.iter().enumerate() {
            let mounted = testing::with_tokio(|| testing::app::<Shares>(json!(number)));
            assert_eq!(mounted.is_ok(), number == 0);
            drop(mounted);
            assert!(dropped.load(SeqCst), "{number}");
        }
    }

    /// As two tests that run side by side.
    #[test]
    fn threads_that_mount_do_not_share() {
        static OPENED: AtomicUsize = AtomicUsize::new(0);
        struct Opens(Arc<usize>);
        impl App for Opens {
            type Config = ();

            fn init((): (), cx: &Context) -> Result<Self> {
                cx.shared("", || Ok(OPENED.fetch_add(1, SeqCst))).map(Self)
            }

            async fn call(&self, _req: Request) -> Result {
                self.0.to_string().into_response()
            }
        }
        let mount = || testing::app::<Opens>(json!({})).unwrap();
        let _both = [mount(), mount()];
        assert_eq!(OPENED.load(SeqCst), 1);
        thread::spawn(move || drop(mount())).join().unwrap();
        assert_eq!(OPENED.load(SeqCst), 2);
    }
}
