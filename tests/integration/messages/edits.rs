use stackup_tests::CargoSite;

use super::case::{Case, Step};
use super::terminal::Terminal;
use super::{play, request};
use crate::cases;

#[test]
fn edit_cases_are_reported() {
    cases::check("edits", |input| play(run_case(Case::parse(input))));
}

async fn run_case(case: Case) -> Result<String, String> {
    let crates: Vec<&str> = case.crates.iter().map(String::as_str).collect();
    let cargo_site = CargoSite::new(&case.manifest, &crates);
    let (mut all, mut terminal) = (Vec::new(), None);
    for step in &case.steps {
        if let Some(file) = step.saves() {
            cargo_site.save(file, &step.text);
        }
        let shown = match &mut terminal {
            None if step.title == "stackup dev" => {
                let opened =
                    Terminal::open(cargo_site.launch_in_terminal(), &cargo_site.site).await;
                let terminal = terminal.insert(opened);
                if request::serves_placeholder(&terminal.host).await {
                    wait_for_reload(terminal).await;
                }
                terminal.new_output()
            }
            // `stackup dev` does not run yet.
            None => continue,
            Some(terminal) => output_after(terminal, step).await,
        };
        all.push(format!("$ {}\n{shown}", step.title));
    }
    Ok(all.join("\n"))
}

async fn output_after(terminal: &mut Terminal, step: &Step) -> String {
    if step.saves().is_some() {
        wait_for_reload(terminal).await;
        return terminal.new_output();
    }
    let mut connection = request::send(&terminal.host, step).await;
    terminal.normalize(&request::response_text(&connection.response().await))
}

async fn wait_for_reload(terminal: &Terminal) {
    // The line of the start lists no changes.
    let swapped = |line: &str| line.contains(", ready in ") && line.contains(": ");
    let kept = ["the change is refused: ", "there is no stack yet: "];
    let ends = |line: &str| swapped(line) || kept.iter().any(|begins| line.starts_with(begins));
    terminal.wait("reload", ends).await;
}
