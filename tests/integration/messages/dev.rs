use std::fs;

use serde_json::Value;
use stackup_tests::{Connection, Gate, Host, Site};

use super::case::{Case, Step};
use super::normalize::{normalize, strip_colours};
use super::{play, request};
use crate::cases;

#[test]
fn dev_cases_are_answered() {
    cases::check("dev", |input| play(run_case(Case::parse(input))));
}

async fn run_case(case: Case) -> Result<String, String> {
    let plugins: Vec<&str> = case.plugins.iter().map(String::as_str).collect();
    let site = Site::new(&case.manifest, &plugins);
    let gate = Gate::close(&site);
    let host = Host::develop(&site).await;
    if request::serves_placeholder(&host).await {
        host.reload("refused").await;
    }
    let mut all = Vec::new();
    for step in &case.steps {
        let shown = match (step.saves(), step.removes()) {
            (Some(file), _) => {
                site.file(file, &step.text);
                next_outcome(&host).await
            }
            (_, Some(file)) => {
                let removed = fs::remove_file(site.path().join(file));
                removed.map_err(|error| error.to_string())?;
                next_outcome(&host).await
            }
            _ => response_to(&host, step, &gate).await,
        };
        all.push(format!("$ {}\n{shown}", step.title));
    }
    Ok(normalize(&all.join("\n"), site.path(), &host))
}

/// The outcome of the next reload that finds a change.
async fn next_outcome(host: &Host) -> String {
    loop {
        let record = host.event("reload").await;
        match record.text("outcome") {
            "unchanged" => {}
            outcome => return format!("({outcome})\n"),
        }
    }
}

async fn response_to(host: &Host, step: &Step, gate: &Gate) -> String {
    let mut connection = request::send(host, step).await;
    if step.blocks() {
        host.event("blocked").await;
        gate.open();
    }
    let head = connection.head().await;
    let shown = request::head_text(&head);
    if head.header("content-type") == Some("text/event-stream") {
        return format!("{shown}\n{}", first_event(&mut connection).await);
    }
    let body = connection.body(&head).await.expect("a complete response");
    let text = String::from_utf8_lossy(&body);
    format!("{shown}\n{}\n", text.trim_end())
}

/// The first event of a page, with the text of a problem below it.
async fn first_event(events: &mut Connection) -> String {
    let chunk = events.chunk().await.expect("an event");
    let text = String::from_utf8_lossy(&chunk).into_owned();
    let (before, data) = text.split_once("data: ").expect("an event has data");
    let mut data: Value = serde_json::from_str(data.trim_end()).expect("JSON");
    let mut below = String::new();
    if let Some(text) = data.pointer_mut("/problem/text") {
        let shown = strip_colours(text.take().as_str().unwrap_or_default());
        *text = "TEXT".into();
        below = format!("\nTEXT:\n{}\n", shown.trim_end());
    }
    format!("{before}data: {data}\n{below}")
}
