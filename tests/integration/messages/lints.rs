use stackup_tests::{Gate, Host, Site, artifacts};

use super::case::{Case, Step};
use super::terminal::Terminal;
use super::{play, request};
use crate::cases;

const WARNS: &str = "warning: ";

#[test]
fn lint_cases_are_reported() {
    cases::check("lints", |input| play(run_case(Case::parse(input))));
}

async fn run_case(case: Case) -> Result<String, String> {
    let plugins: Vec<&str> = case.plugins.iter().map(String::as_str).collect();
    let site = Site::new(&case.manifest, &plugins);
    let mut command = Host::terminal_command("dev", artifacts::stackup(), &site);
    command.args(["-p", "0"]);
    let gate = Gate::close(&site);
    let mut terminal = Terminal::open(Host::spawn(&mut command), &site).await;
    terminal.new_output();
    let mut all = Vec::new();
    for Step { title, text } in case.steps {
        let text = format!("connection: close\n{text}");
        let step = Step { title, text };
        let mut connection = request::send(&terminal.host, &step).await;
        let last = |line: &str| line.starts_with(WARNS);
        // A blocking handler is reported while it blocks and afterwards.
        if step.blocks() {
            terminal.wait("report", last).await;
            gate.open();
        }
        // The response may be invalid on purpose.
        connection.rest().await;
        terminal.wait("violation", last).await;
        let output = terminal.new_output();
        let warnings = output.lines().filter(|line| line.starts_with(WARNS));
        let warnings: String = warnings.map(|line| format!("{line}\n")).collect();
        all.push(format!("$ {}\n{warnings}", step.title));
    }
    Ok(all.join("\n"))
}
