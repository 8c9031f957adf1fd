//! `stackup dev` with crates of one's own: a save is built and served, whatever was saved.

mod edits;
mod outdated;
mod start;

use stackup_tests::Host;
use stackup_tests::log::Record;

/// The next reload that says anything but that nothing has changed.
async fn reload(host: &Host) -> Record {
    let ends =
        |record: &Record| record.event() == "reload" && record.text("outcome") != "unchanged";
    host.log().take("reload", ends).await
}

/// The next reload has swapped, and `/` answers so.
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

/// The next reload was refused at `stage`; why, without a colour.
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
