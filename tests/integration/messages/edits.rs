use stackup_tests::Workshop;

use super::case::{Case, Step};
use super::terminal::Terminal;
use super::{play, request};
use crate::cases;

#[test]
fn edit_cases_are_reported() {
    cases::check("edits", |input| play(edits(Case::parse(input))));
}

async fn edits(case: Case) -> Result<String, String> {
    let crates: Vec<&str> = case.crates.iter().map(String::as_str).collect();
    let workshop = Workshop::new(&case.manifest, &crates);
    let (mut all, mut terminal) = (Vec::new(), None);
    for step in &case.steps {
        if let Some(file) = step.saves() {
            workshop.save(file, &step.text);
        }
        let shown = match &mut terminal {
            None if step.title == "stackup dev" => {
                let opened = Terminal::open(workshop.type_dev(), &workshop.site).await;
                let terminal = terminal.insert(opened);
                if request::stands_in(&terminal.host).await {
                    reloaded(terminal).await;
                }
                terminal.said()
            }
            // Nobody sees it yet.
            None => continue,
            Some(terminal) => told(terminal, step).await,
        };
        all.push(format!("$ {}\n{shown}", step.title));
    }
    Ok(all.join("\n"))
}

async fn told(terminal: &mut Terminal, step: &Step) -> String {
    if step.saves().is_some() {
        reloaded(terminal).await;
        return terminal.said();
    }
    let mut connection = request::send(&terminal.host, step).await;
    terminal.show(&request::shown(&connection.response().await))
}

async fn reloaded(terminal: &Terminal) {
    // The line of a start names no changes.
    let swapped = |line: &str| line.contains(", ready in ") && line.contains(": ");
    let kept = ["the change is refused: ", "there is no stack yet: "];
    let ends = |line: &str| swapped(line) || kept.iter().any(|begins| line.starts_with(begins));
    terminal.wait("reload", ends).await;
}
