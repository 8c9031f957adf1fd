use std::sync::mpsc;
use std::time::{Duration, Instant};

use stackup_plugin::testing::{self, block_on, get, json};
use stackup_plugin::{App, Context, IntoResponse, Request, Result, tracing};

/// Uses one service of the host for each path.
struct Guest(Context);

impl App for Guest {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        Ok(Self(cx.clone()))
    }

    async fn call(&self, req: Request) -> Result {
        let cx = &self.0;
        match req.path() {
            "/sleep" => cx.sleep(Duration::from_millis(20)).await,
            "/timeout" => {
                let never = cx
                    .timeout(Duration::from_millis(5), std::future::pending::<()>())
                    .await;
                let soon = cx.timeout(Duration::from_secs(60), async { 7 }).await;
                return format!("{} {soon:?}", never.unwrap_err()).into_response();
            }
            "/context" => {
                let text = format!(
                    "{} {} {}",
                    cx.handler(),
                    cx.environment(),
                    cx.directory().is_absolute()
                );
                return text.into_response();
            }
            "/log" => {
                let _span = tracing::info_span!("span", outer = 1).entered();
                tracing::debug!(inner = "x", "from tracing");
                log::warn!("from log {}", 2);
            }
            _ => {}
        }
        "done".into_response()
    }
}

fn ask(path: &str) -> String {
    let guest = testing::app::<Guest>(json!({})).unwrap();
    block_on(async { guest.answer(get(path)).await?.finish().await }).unwrap()
}

#[test]
fn sleep_waits() {
    let start = Instant::now();
    ask("/sleep");
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn timeout_drops_slow_future() {
    assert_eq!(ask("/timeout"), "no output within 5ms Ok(7)");
}

#[test]
fn context_has_handler_environment_and_directory() {
    assert_eq!(ask("/context"), "test test true");
}

#[test]
fn tracing_and_log_reach_host() {
    let log = testing::log();
    ask("/log");
    let lines: Vec<_> = log.lines().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["DEBUG from tracing inner=x outer=1", "WARN from log 2"]
    );
    assert!(log.lines().iter().all(|line| line.handler == "test"));
}

/// Spawns a task in a handler's `init` and reports its end.
struct Spawner;

impl App for Spawner {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        let (said, hear) = mpsc::channel();
        let sleeper = cx.clone();
        cx.spawn("short", async move {
            sleeper.sleep(Duration::from_millis(1)).await;
            tracing::info!("slept");
            let _ = said.send(());
        });
        hear.recv_timeout(Duration::from_secs(10))?;

        struct Tell(mpsc::Sender<()>);
        impl Drop for Tell {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let (dropped, hear) = mpsc::channel();
        let tell = Tell(dropped);
        let task = cx.spawn("endless", async move {
            let _tell = tell;
            std::future::pending::<()>().await;
        });
        task.abort();
        hear.recv_timeout(Duration::from_secs(10))?;
        Ok(Self)
    }

    async fn call(&self, _req: Request) -> Result {
        "".into_response()
    }
}

#[test]
fn task_runs_and_aborts() {
    let log = testing::log();
    testing::app::<Spawner>(json!({})).unwrap();
    let [line] = log.lines().try_into().unwrap();
    assert_eq!(
        (line.message.as_str(), line.handler.as_str()),
        ("slept", "test")
    );
}
