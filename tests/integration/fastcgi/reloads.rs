use std::sync::atomic::{AtomicBool, Ordering};

use stackup_tests::fastcgi::Record;
use stackup_tests::{FastcgiClient, Host};

use super::{connect, serve};

/// Sends requests on connections that are kept, as a front server does, until `done`. Returns how many connections it took.
async fn request_until(done: &AtomicBool, host: &Host) -> usize {
    let mut connections = 0;
    let mut kept: Option<FastcgiClient> = None;
    while !done.load(Ordering::Relaxed) {
        let mut client = match kept.take() {
            Some(client) => client,
            None => {
                connections += 1;
                connect(host).await
            }
        };
        client.send(Record::get(1, "/chunks?count=2", true)).await;
        let response = client.try_response().await.expect("no request is lost");
        assert_eq!(response.text(), "chunk 0\nchunk 1\n");
        // As nginx: a connection that is closed by now is not kept.
        kept = (!client.is_closed().await).then_some(client);
    }
    connections
}

#[tokio::test]
async fn reload_keeps_connections_and_requests() {
    let (site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    client.send(Record::get(1, "/held", true)).await;
    client.record().await;
    let mut other = connect(&host).await;
    other.get("/where").await;
    let reload = |text: &str| {
        let manifest = format!("run = {text}\n[server]\nlisten = [\"fastcgi://127.0.0.1:0\"]\n");
        site.manifest(&manifest);
    };
    site.plugin("answers");
    reload("\"answers\"");
    host.reload("swapped").await;
    let body = other.get("/?body=new").await.text();
    assert_eq!(body, "new", "on the connection that was there before");
    reload("\"probe\"");
    host.reload("swapped").await;
    drop(client);
}

#[tokio::test]
async fn restarts_lose_no_request() {
    let (site, host) = serve("probe", "").await;
    let done = AtomicBool::new(false);
    let requests = || request_until(&done, &host);
    let restarts = async {
        for _ in 0..2 {
            let said = site.stackup(&["restart"]).await;
            assert_eq!(said.code, Some(0), "{said:?}");
        }
        done.store(true, Ordering::Relaxed);
    };
    let all = tokio::join!(requests(), requests(), requests(), requests(), restarts);
    let connections = all.0 + all.1 + all.2 + all.3;
    assert!(
        connections >= 8,
        "each worker closes what it has: {connections}"
    );
}
