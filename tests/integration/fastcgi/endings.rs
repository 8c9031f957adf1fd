use stackup_tests::fastcgi::{Record, kind};
use stackup_tests::{Host, within};

use super::{connect, serve};

#[tokio::test]
async fn connection_is_kept_if_the_front_server_says_so() {
    let (_site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    for id in [1, 2, 1] {
        client.send(Record::get(id, "/where", true)).await;
        let response = client.response().await;
        assert_eq!((response.id, response.status()), (id, 200));
    }
    client.send(Record::get(2, "/", false)).await;
    assert_eq!(client.response().await.id, 2);
    assert!(client.closes().await);
}

#[tokio::test]
async fn request_that_is_given_up_is_cancelled() {
    let (_site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    for length in ["0", "10"] {
        let params = [("REQUEST_URI", "/wait"), ("CONTENT_LENGTH", length)];
        client.send(Record::post(3, &params, true)).await;
        host.message("probe: waiting").await;
        client
            .send(Record::bytes(kind::ABORT_REQUEST, 3, b""))
            .await;
        host.message("probe: dropped the wait").await;
        let end = client.record().await;
        assert_eq!((end.kind, end.id), (kind::END_REQUEST, 3));
        assert_eq!(client.get("/where").await.status(), 200);
    }
}

#[tokio::test]
async fn response_that_is_given_up_ends_between_two_records() {
    let (_site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    client
        .send(Record::get(1, "/flood?count=10000", true))
        .await;
    client.record().await;
    client
        .send(Record::bytes(kind::ABORT_REQUEST, 1, b""))
        .await;
    host.message("probe: the flood stopped").await;
    let end = client.response().await;
    assert_eq!((end.id, end.protocol_status), (1, 0));
    assert_eq!(client.get("/where").await.status(), 200);
}

async fn assert_stops_the_wait(host: &Host) {
    let mut client = connect(host).await;
    client.send(Record::get(1, "/wait", true)).await;
    host.message("probe: waiting").await;
    drop(client);
    host.message("probe: dropped the wait").await;
}

#[tokio::test]
async fn closed_connection_cancels_its_request() {
    let (_site, host) = serve("probe", "").await;
    assert_stops_the_wait(&host).await;
    let mut client = connect(&host).await;
    client
        .send(Record::get(1, "/flood?count=100000", true))
        .await;
    client.record().await;
    drop(client);
    host.message("probe: the flood stopped").await;
}

#[tokio::test]
async fn stop_closes_idle_connections_and_waits_for_requests() {
    let (_site, mut host) = serve("probe", "").await;
    let (mut idle, mut busy) = (connect(&host).await, connect(&host).await);
    idle.get("/").await;
    busy.send(Record::get(1, "/sleep?ms=500", true)).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    host.signal(rustix::process::Signal::TERM);
    assert!(idle.closes().await);
    assert_eq!(busy.response().await.text(), "slept\n");
    assert!(busy.closes().await);
    let ended = within("the end of the host", host.exited()).await;
    assert!(ended.success());
}
