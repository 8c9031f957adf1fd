//! Renewal: a new worker replaces the active one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::{Signal, kill_process};
use stackup_tests::log::Record;
use stackup_tests::{Connection, Host, Site, artifacts, within};

use super::{code, faulty, start, wait_for_connection_close, wait_for_reload};

/// The next event of a renewal with this state.
async fn renewal(host: &Host, state: &str) -> Record {
    let is = |record: &Record| record.event() == "renewal" && record.text("state") == state;
    host.log().take(&format!("renewal that {state}"), is).await
}

/// Sends requests until stopped, on one connection or on a new one each time.
async fn client(address: String, keeps: bool, stop: Arc<AtomicBool>, asked: Arc<AtomicU64>) {
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        let mut current: Connection = match connection.take() {
            Some(current) => current,
            None => Connection::tcp(&address).await,
        };
        let response = current.get("/").await;
        assert_eq!(response.status(), 200, "{response}");
        asked.fetch_add(1, Ordering::Relaxed);
        if keeps && response.header("connection") != Some("close") {
            connection = Some(current);
        }
    }
}

#[tokio::test]
async fn renewal_loses_no_request_and_closes_old_connections() {
    // A long drain: only the renewal may close connections.
    let manifest = "run = \"faulty\"\n[limits]\ndrain_timeout = \"1h\"\n";
    let (site, host) = start(manifest, 1, "none").await;
    let (stop, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let clients: Vec<_> = [true, true, true, false, false]
        .map(|keeps| {
            client(
                host.address().to_owned(),
                keeps,
                stop.clone(),
                asked.clone(),
            )
        })
        .into_iter()
        .map(tokio::spawn)
        .collect();
    let mut last = Some(host.worker());
    for _ in 0..3 {
        let mut idle = host.connect().await;
        assert_eq!(idle.get("/").await.header("connection"), None);
        let said = site.stackup(&["restart"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stdout.contains("took over after"), "{said:?}");
        let next = host.next_worker().await;
        assert_ne!(next, last);
        last = next;
        wait_for_connection_close(&mut idle).await;
        let before = asked.load(Ordering::Relaxed);
        within("requests after a renewal", async {
            while asked.load(Ordering::Relaxed) < before + 20 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client that lost nothing");
    }
}

#[tokio::test]
async fn spent_budget_renews_worker() {
    let manifest = |mark| {
        format!(
            "[renewal]\ngenerations = 3\n[run]\nplugin = \"faulty\"\nconfig = {{ mark = {mark} }}\n"
        )
    };
    let (site, host) = start(&manifest(0), 1, "none").await;
    for mark in 1..=3 {
        site.manifest(&manifest(mark));
        wait_for_reload(&host, "swapped").await;
    }
    let begins = renewal(&host, "begins").await;
    assert!(begins.text("cause").contains("generations"), "{begins}");
    renewal(&host, "done").await;
    assert_ne!(host.renewed().await, Some(host.worker()));
    let text = host.get("/").await.text();
    assert!(text.contains(" mark 3 generation 5\n"), "{text}");
}

#[tokio::test]
async fn failed_renewal_keeps_old_worker_and_reports_reason() {
    let (site, host) = start("run = \"faulty\"\n", 1, "none").await;
    let mut connection = host.connect().await;
    connection.get("/").await;
    site.manifest("run = \"nobody\"\n");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("`nobody` is not there"), "{said:?}");
    assert!(
        said.stderr.contains("the old worker keeps serving"),
        "{said:?}"
    );
    renewal(&host, "failed").await;
    // It keeps its connections and still reloads on changes.
    assert_eq!(connection.get("/").await.header("connection"), None);
    wait_for_reload(&host, "refused").await;
    site.manifest("run = \"faulty\"\n# fixed\n");
    // The writes may be one change or two.
    site.library("faulty", &faulty(2, "none"));
    wait_for_reload(&host, "swapped").await;
    assert_eq!(code(&host).await, 2);
    let serves = |record: &Record| record.text("state") == "serving";
    assert!(host.log().try_take(serves).is_none(), "{}", host.log());
}

#[tokio::test]
async fn reload_during_renewal_is_answered() {
    let (site, host) = start("run = \"faulty\"\n", 1, "none").await;
    let ask = ["reload", "--fresh"];
    for _ in 0..3 {
        let both = tokio::join!(site.stackup(&["restart"]), site.stackup(&ask));
        assert_eq!(both.0.code, Some(0), "{both:?}\n{}", host.log());
        assert_eq!(both.1.code, Some(0), "{both:?}\n{}", host.log());
    }
}

#[tokio::test]
async fn restart_follows_listen_and_unix_socket_survives() {
    let manifest = |listen: &str| format!("run = \"faulty\"\n[server]\nlisten = [{listen}]\n");
    let site = Site::new(&manifest("\"127.0.0.1:0\""), &[]);
    site.library("faulty", &faulty(1, "none"));
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    let path = site.path().join("s.sock");
    let unix = format!("\"unix:{}\"", path.display());
    site.manifest(&manifest(&format!("\"127.0.0.1:0\", {unix}")));
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(Connection::unix(&path).await.get("/").await.status(), 200);
    assert_eq!(code(&host).await, 1, "the other one is as it was");
    site.manifest(&manifest(&unix));
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    within("a refused connection", async {
        while tokio::net::TcpStream::connect(host.address()).await.is_ok() {}
    })
    .await;
    host.next_worker().await;
    let worker = host.next_worker().await.expect("the worker has an id");
    kill_process(worker, Signal::KILL).expect("it is there");
    assert_eq!(Connection::unix(&path).await.get("/").await.status(), 200);
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    assert!(!path.exists(), "the socket's file must be removed");
}
