//! New code of an axum router, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stackup_tests::patch::Patch;
use stackup_tests::site::read;
use stackup_tests::{Connection, artifacts};

use super::started;

fn code(number: u32) -> String {
    format!("stackup-tower-code-{number:08}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_code_of_a_router_serves_and_no_request_is_lost() {
    let Some((site, host)) = started("run = \"uses-tower#router\"\n").await else {
        return;
    };
    let library = artifacts::real_crate("uses-tower").expect("it is built");
    let library = Patch::new(read(library), &code(0));
    let stop = Arc::new(AtomicBool::new(false));
    let (address, stopped) = (host.address().to_owned(), Arc::clone(&stop));
    let load = tokio::spawn(async move {
        let mut connection = Connection::tcp(&address).await;
        while !stopped.load(Ordering::SeqCst) {
            let response = connection.get("/visits").await;
            assert_eq!(response.status(), 200, "{response}");
        }
    });
    // Its body is on its way while the code is replaced.
    let mut waits = host.connect().await;
    waits
        .send("POST /wait HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        .await;
    assert_eq!(waits.head().await.status, 100);
    for number in 1..=5 {
        site.library("uses-tower", &library.with(&code(number)));
        host.reload("swapped").await;
        assert_eq!(host.get("/code").await.text(), code(number));
    }
    waits.send("tea").await;
    assert_eq!(waits.response().await.text(), "tea");
    stop.store(true, Ordering::SeqCst);
    load.await.expect("no request is lost");
}
