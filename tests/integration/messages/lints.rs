use stackup_tests::{Host, Site, artifacts};

use super::case::{Case, Step};
use super::terminal::Terminal;
use super::{play, request};
use crate::cases;

const WARNS: &str = "warning: ";

#[test]
fn lint_cases_are_reported() {
    cases::check("lints", |input| play(offends(Case::parse(input))));
}

async fn offends(case: Case) -> Result<String, String> {
    let plugins: Vec<&str> = case.plugins.iter().map(String::as_str).collect();
    let site = Site::new(&case.manifest, &plugins);
    let mut command = Host::typed("dev", artifacts::stackup(), &site);
    command.args(["-p", "0"]);
    let mut terminal = Terminal::open(Host::spawn(&mut command), &site).await;
    terminal.said();
    let mut all = Vec::new();
    for Step { title, text } in case.steps {
        let text = format!("connection: close\n{text}");
        let step = Step { title, text };
        // The answer may be bad on purpose.
        request::send(&terminal.host, &step).await.rest().await;
        // One that blocks is told of before that ends, and after it.
        let last = |line: &str| line.starts_with(WARNS) && !line.contains("blocks its thread for");
        terminal.wait("offence", last).await;
        let said = terminal.said();
        let warnings = said.lines().filter(|line| line.starts_with(WARNS));
        let said: String = warnings.map(|line| format!("{line}\n")).collect();
        all.push(format!("$ {}\n{said}", step.title));
    }
    Ok(all.join("\n"))
}
