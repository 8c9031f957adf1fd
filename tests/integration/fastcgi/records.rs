use stackup_tests::fastcgi::{Record, kind};

use super::{connect, serve};

#[tokio::test]
async fn questions_are_answered_before_and_during_a_request() {
    let (_site, host) = serve("probe", "[limits]\nconnections = 30").await;
    let mut client = connect(&host).await;
    let question = Record::bytes(
        kind::GET_VALUES,
        0,
        b"\x0f\0FCGI_MPXS_CONNS\x0d\0FCGI_MAX_REQS",
    );
    for during in [false, true] {
        if during {
            client.send(Record::get(1, "/wait", true)).await;
            host.message("probe: waiting").await;
        }
        client.send(&question).await;
        let answer = client.record().await;
        assert_eq!((answer.kind, answer.id), (kind::GET_VALUES_RESULT, 0));
        let expected = b"\x0f\x01FCGI_MPXS_CONNS0\x0d\x0230".to_vec();
        let reqs = b"\x0f\x01FCGI_MPXS_CONNS0\x0d\x02FCGI_MAX_REQS30".to_vec();
        assert!(
            answer.content == reqs || answer.content == expected,
            "{answer:?}"
        );
        client.send(Record::bytes(99, 0, b"what?")).await;
        let answer = client.record().await;
        assert_eq!((answer.kind, answer.content[0]), (kind::UNKNOWN_TYPE, 99));
    }
}

#[tokio::test]
async fn second_request_at_a_time_is_refused_and_the_first_goes_on() {
    let (_site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    client.send(Record::get(1, "/sleep?ms=300", true)).await;
    client.send(Record::get(2, "/", true)).await;
    let end = client.record().await;
    assert_eq!(
        (end.kind, end.id, end.content[4]),
        (kind::END_REQUEST, 2, 1)
    );
    let response = client.response().await;
    assert_eq!((response.id, response.text().as_str()), (1, "slept\n"));
    assert_eq!(client.get("/").await.status(), 200);
}

#[tokio::test]
async fn other_roles_are_refused() {
    let (_site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    for role in [2, 3, 9] {
        client.send(Record::begin(5, role, true)).await;
        let end = client.record().await;
        assert_eq!(
            (end.kind, end.id, end.content[4]),
            (kind::END_REQUEST, 5, 3)
        );
    }
    // What followed the refused one means nothing.
    client.send(Record::bytes(kind::PARAMS, 5, b"x")).await;
    assert_eq!(client.get("/").await.status(), 200);
}

#[tokio::test]
async fn malformed_records_close_their_connection_and_no_other() {
    let (_site, host) = serve("probe", "").await;
    let mut other = connect(&host).await;
    other.send(Record::get(1, "/sleep?ms=1000", true)).await;
    let begin = Record::begin(1, 1, true);
    let cases = [
        ("HTTP", b"GET / HTTP/1.1\r\nhost: test\r\n\r\n".to_vec()),
        ("no content", Record::bytes(kind::BEGIN_REQUEST, 1, b"")),
        ("no id", Record::begin(0, 1, true)),
        ("begun twice", [&begin[..], &begin].concat()),
        (
            "a body first",
            [&begin[..], &Record::bytes(kind::STDIN, 1, b"x")].concat(),
        ),
        ("a version", vec![2, 1, 0, 1, 0, 8, 0, 0]),
        ("pairs", Record::bytes(kind::GET_VALUES, 0, b"\xff")),
    ];
    for (what, bytes) in cases {
        let mut client = connect(&host).await;
        client.send(&bytes).await;
        assert!(client.closes().await, "{what}");
    }
    let mut client = connect(&host).await;
    let params = Record::stream(kind::PARAMS, 1, b"\x05\x05short");
    client
        .send([begin, params, Record::bytes(kind::STDIN, 1, b"")].concat())
        .await;
    assert_eq!(client.response().await.status(), 400);
    assert_eq!(other.response().await.text(), "slept\n");
}

#[tokio::test]
async fn request_is_cancelled_if_its_connection_goes_wrong() {
    let (_site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    client.send(Record::get(1, "/wait", true)).await;
    host.message("probe: waiting").await;
    client.send(Record::bytes(kind::PARAMS, 1, b"x")).await;
    host.message("probe: dropped the wait").await;
    assert!(client.closes().await);
}
