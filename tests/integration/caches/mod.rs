//! `cache` beside nginx, Apache httpd and Varnish: which of them answer the second of two equal requests from their store.

mod case;
mod rivals;

use std::fmt::Write as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use stackup_tests::http::Response;
use stackup_tests::{Connection, Host, Site};

use self::case::{Case, Cases};
use self::rivals::Rival;

const ID: &str = "x-request-id";

/// The origin gives each response an ID of its own.
const ORIGIN: &str = "{ plugin = \"request-id\", config = { trust = false } }";

#[tokio::test]
async fn what_is_reused_is_what_the_table_says() {
    let table = Cases::read();
    let plugins = ["cache", "request-id", "answers"];
    let manifest = |uses: &str| format!("use = [{uses}]\nrun = \"answers\"\n");
    let origin_site = Site::new(&manifest(ORIGIN), &plugins);
    let site = Site::new(&manifest(&format!("\"cache\", {ORIGIN}")), &plugins);
    let (origin, host) = (Host::start(&origin_site).await, Host::start(&site).await);
    let rivals = Rival::start_all(origin.address()).await;
    let known: Vec<_> = rivals
        .iter()
        .map(|rival| table.knows_version(rival))
        .collect();
    // All of them at once: they wait for each other's origin, disk and timers more than they compute.
    let mut running: Vec<_> = rivals
        .iter()
        .map(|rival| -> Running<'_> {
            Box::pin(second_answers(&table, async || rival.connect().await))
        })
        .collect();
    running.push(Box::pin(second_answers(&table, async || {
        host.connect().await
    })));
    let seen = all(running).await;
    let mut wrong = String::new();
    let names = rivals.iter().map(|rival| rival.name).chain(["here"]);
    let known = known.into_iter().chain([true]);
    for ((name, is_known), seen) in names.zip(known).zip(seen) {
        for (case, seen) in table.case.iter().zip(seen) {
            let expected = case.seen(name);
            if is_known && seen != expected {
                let _ = writeln!(wrong, "{}: {name} is {seen:?}, not {expected:?}", case.name);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "tests/caches/cases.toml differs:\n{wrong}"
    );
    table.check_reasons();
}

type Running<'a> = Pin<Box<dyn Future<Output = Vec<&'static str>> + 'a>>;

/// The outputs of all.
async fn all(mut running: Vec<Running<'_>>) -> Vec<Vec<&'static str>> {
    let mut outputs: Vec<_> = running.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (future, output) in running.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(cx)
            {
                *output = Some(ready);
            }
        }
        match outputs.iter().all(Option::is_some) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// Where the second answer to each case comes from.
async fn second_answers(table: &Cases, connect: impl AsyncFn() -> Connection) -> Vec<&'static str> {
    let mut answers = Vec::new();
    for case in &table.case {
        answers.push(second_answer(case, &connect).await);
    }
    answers
}

/// Where the second answer comes from: `store`, or `ask` for the origin.
async fn second_answer(case: &Case, connect: &impl AsyncFn() -> Connection) -> &'static str {
    let mut connection = connect().await;
    let first = ask(&mut connection, case, &[]).await;
    // The same connection, so that the cache has done with the first request.
    if first.header("connection") == Some("close") {
        connection.rest().await;
        connection = connect().await;
    }
    let second = ask(&mut connection, case, &case.second).await;
    match first.header(ID) == second.header(ID) {
        true => "store",
        false => "ask",
    }
}

async fn ask(connection: &mut Connection, case: &Case, more: &[String]) -> Response {
    let target = case.target();
    let lines = case.request.iter().chain(more);
    let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
    connection
        .send(format!(
            "GET {target} HTTP/1.1\r\nhost: a.test\r\n{lines}\r\n"
        ))
        .await;
    let response = connection.try_response().await;
    let response = response.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    assert!(response.header(ID).is_some(), "{}: {response}", case.name);
    response
}
