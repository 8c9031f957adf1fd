//! `stackup dev` with crates of the site: each save is built and served.

mod edits;
mod loops;
mod outdated;
mod packages;
mod start;
mod watching;

use stackup_tests::Host;
use stackup_tests::log::Record;

/// The next reload that finds a change.
async fn reload(host: &Host) -> Record {
    let ends =
        |record: &Record| record.event() == "reload" && record.text("outcome") != "unchanged";
    host.log().take("reload", ends).await
}

/// Asserts that the next reload swaps and `/` responds with `text`.
async fn assert_serves(host: &Host, text: &str) -> Record {
    let record = reload(host).await;
    assert_eq!(
        record.text("outcome"),
        "swapped",
        "{record}\nthe log:\n{}",
        host.log()
    );
    assert_answers(host, text).await;
    record
}

async fn assert_answers(host: &Host, text: &str) {
    let response = host.get("/").await;
    assert_eq!(response.status(), 200, "{response}");
    assert_eq!(response.text(), text);
}

/// The reason of the next reload, which must be refused at `stage`. It has no colours.
async fn next_refusal(host: &Host, stage: &str) -> String {
    let record = reload(host).await;
    assert_eq!(
        record.text("outcome"),
        "refused",
        "{record}\nthe log:\n{}",
        host.log()
    );
    assert_eq!(record.text("stage"), stage, "{record}");
    let reason = record.text("error");
    assert!(
        !reason.contains('\u{1b}') && !record.message().contains('\u{1b}'),
        "{reason:?}"
    );
    reason.to_owned()
}
