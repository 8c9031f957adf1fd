use std::time::Duration;

use stackup_plugin::testing::{self, block_on, get};
use stackup_plugin::{Body, Error, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn talk(_req: Request) -> Result<Body, Error> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(b"over tcp").await
    });
    let mut stream = TcpStream::connect(address).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    server.await??;
    let (mut sender, body) = Body::channel(1);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let _ = sender.send(text).await;
    });
    // A body of the handler's is polled under its runtime, too.
    Ok(body.map_chunks(|chunk| {
        let _here = tokio::runtime::Handle::current();
        chunk
    }))
}

#[test]
fn timers_sockets_and_tasks_work_with_own_runtime() {
    let app = testing::with_tokio(|| testing::app_fn(talk)).unwrap();
    let text = block_on(async { app.answer(get("/")).await?.finish().await });
    assert_eq!(text.unwrap(), "over tcp");
}

/// Spawns a task at its first request, as a library with a `static` does; later ones of any handler ask that task.
async fn ask_the_task(_req: Request) -> Result<String, Error> {
    type Question = tokio::sync::oneshot::Sender<&'static str>;
    static TASK: std::sync::OnceLock<tokio::sync::mpsc::Sender<Question>> =
        std::sync::OnceLock::new();
    let task = TASK.get_or_init(|| {
        let (task, mut questions) = tokio::sync::mpsc::channel::<Question>(1);
        tokio::spawn(async move {
            while let Some(question) = questions.recv().await {
                let _ = question.send("answered");
            }
        });
        task
    });
    let (question, answer) = tokio::sync::oneshot::channel();
    task.send(question).await?;
    Ok(answer.await?.to_owned())
}

#[test]
fn task_of_a_static_outlives_the_handler_that_spawned_it() {
    let handler = || testing::with_tokio(|| testing::app_fn(ask_the_task)).unwrap();
    let (first, second) = (handler(), handler());
    for app in [first, second] {
        let text = block_on(async { app.answer(get("/")).await?.finish().await });
        assert_eq!(text.unwrap(), "answered");
        // The next one is not the one that spawned it.
        drop(app);
    }
}

#[test]
fn init_that_fails_leaves_its_runtime_behind() {
    struct Fails;
    impl stackup_plugin::App for Fails {
        type Config = ();
        fn init((): (), _cx: &stackup_plugin::Context) -> stackup_plugin::Result<Self> {
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(20)));
            Err(Error::msg("no"))
        }
        async fn call(&self, _req: Request) -> stackup_plugin::Result {
            Err(Error::msg(""))
        }
    }
    let start = std::time::Instant::now();
    let mounted = testing::with_tokio(|| testing::app::<Fails>(testing::json!({})));
    let error = mounted.err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("no"));
    assert!(start.elapsed() < Duration::from_secs(10));
}
