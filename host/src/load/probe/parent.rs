//! The parent's side: starts the child, reads its reports and evaluates them.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::crash::ProbeCrash;
use super::{ARGUMENT, Probe, ProbeContext, ProbeError, ProbeFailure, Step, Trial, TrialOutcome};
use crate::load::library::ProcessChange;
use crate::load::schema::{Violation, censored};
use crate::load::{program, tunables};
use crate::policy::ExitReason;

/// Probes in child processes of a program that handles [`ARGUMENT`].
#[derive(Debug)]
pub struct ChildProbe {
    program: PathBuf,
}

impl ChildProbe {
    /// Uses this program for the children.
    ///
    /// # Errors
    ///
    /// When the system does not report this program's path.
    pub fn of_this_program() -> std::io::Result<Self> {
        Ok(Self {
            program: program::current_exe()?,
        })
    }

    /// Uses `program`, a `stackup` of this version.
    pub fn of_program(program: PathBuf) -> Self {
        Self { program }
    }

    fn start(&self) -> Result<Child, String> {
        Command::new(&self.program)
            .arg0("stackup")
            .arg(ARGUMENT)
            .env(tunables::VARIABLE, tunables::for_plugins())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                format!(
                    "failed to start a probe (`{}`): {error}",
                    self.program.display()
                )
            })
    }

    /// Runs the trials in one child, up to the one that ends it.
    fn run_child(
        &self,
        trials: &[Trial],
        context: &ProbeContext,
    ) -> Result<ChildOutcome, ProbeError> {
        let mut child = self.start()?;
        let reports = reports(&mut child);
        let stderr = stderr(&mut child);
        let input = input(trials, context).to_string();
        let sent = child
            .stdin
            .take()
            .map(|mut stdin| stdin.write_all(input.as_bytes()));
        let (mut last, mut preloading) = (None, None);
        let (mut violations, mut schema) = (Vec::new(), Value::Null);
        let (mut changes, mut memory) = (Vec::new(), Vec::new());
        let hung = loop {
            match reports.recv_timeout(context.limit) {
                Ok(Report::Step(trial, step)) => {
                    if step != Step::Init {
                        schema = Value::Null;
                    }
                    last = Some((trial, step));
                }
                Ok(Report::Preload(name)) => preloading = Some(name),
                Ok(Report::Violations(trial, found)) => violations.push((trial, found)),
                Ok(Report::Changes(trial, found)) => changes.push((trial, found)),
                Ok(Report::Memory(trial, bytes)) => memory.push((trial, bytes)),
                Ok(Report::Garbled) => {
                    finish(child);
                    let step = last.map_or(
                        "before its first trial".to_owned(),
                        |(_, step): (usize, Step)| format!("at {}", step.name()),
                    );
                    return Err(ProbeError::Unusable(format!(
                        "a probe sent a line that is no report ({step}): a plugin writes to a descriptor that is not its own"
                    )));
                }
                Ok(Report::Schema(of_next)) => schema = of_next,
                Ok(Report::Done) => {
                    finish(child);
                    let crashed = None;
                    return Ok(ChildOutcome {
                        violations,
                        changes,
                        memory,
                        crashed,
                    });
                }
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
            }
        };
        if hung {
            // It may have just ended; then there is nothing to kill.
            let _ = child.kill();
        }
        let status = child
            .wait()
            .map_err(|error| format!("failed to wait for a probe: {error}"))?;
        let reason = if hung {
            ExitReason::Hung(context.limit)
        } else {
            ExitReason::of(status)
        };
        let stderr = stderr
            .recv_timeout(Duration::from_secs(1))
            .unwrap_or_default();
        let Some((trial, step)) = last else {
            let sent = sent.is_some_and(|sent| sent.is_ok());
            return Err(match preloading {
                Some(name) => {
                    let crash = ProbeCrash::new(Step::Preload, reason, &stderr);
                    ProbeError::Preload { name, crash }
                }
                None if hung => ProbeError::Unusable(format!(
                    "a probe has not begun its first trial within {:?} (`[limits] warmup_timeout`): the system is very busy, or a \
                     library that is loaded before others hangs",
                    context.limit
                )),
                None => ProbeError::Unusable(format!(
                    "a probe ended before its first trial: {reason}, input sent: {sent}"
                )),
            });
        };
        // It may have quoted its config.
        let stderr = match trials.get(trial) {
            Some(trial) => censored(&trial.config, &schema, &stderr),
            None => stderr,
        };
        let crashed = Some((trial, ProbeCrash::new(step, reason, &stderr)));
        Ok(ChildOutcome {
            violations,
            changes,
            memory,
            crashed,
        })
    }
}

/// The outcome of one child; trials are numbered as it received them.
struct ChildOutcome {
    violations: Vec<(usize, Vec<Violation>)>,
    changes: Vec<(usize, Vec<ProcessChange>)>,
    memory: Vec<(usize, u64)>,
    /// The trial that ended it, if one did: those after it have not run yet.
    crashed: Option<(usize, ProbeCrash)>,
}

impl Probe for ChildProbe {
    fn run(
        &self,
        trials: &[Trial],
        context: &ProbeContext,
    ) -> Result<Vec<TrialOutcome>, ProbeError> {
        if trials.is_empty() {
            self.run_child(trials, context)?;
        }
        let mut outcomes = vec![TrialOutcome::default(); trials.len()];
        let mut left: Vec<usize> = (0..trials.len()).collect();
        // Each child ends with at most one crash; the remaining trials get another child.
        while !left.is_empty() {
            let batch: Vec<_> = left.iter().map(|&number| trials[number].clone()).collect();
            let ChildOutcome {
                violations,
                changes,
                memory,
                crashed,
            } = self.run_child(&batch, context)?;
            for (at, found) in violations {
                if let Some(number) = left.get(at) {
                    outcomes[*number].failure = Some(ProbeFailure::InvalidConfig(found));
                }
            }
            for (at, found) in changes {
                let Some(number) = left.get(at) else { continue };
                let changes = &mut outcomes[*number].changes;
                // A trial runs again if a later one ends its process.
                let new = found.into_iter().filter(|found| !changes.contains(found));
                let new: Vec<_> = new.collect();
                changes.extend(new);
            }
            for (at, bytes) in memory {
                if let Some(number) = left.get(at) {
                    outcomes[*number].memory = bytes;
                }
            }
            let Some((at, crash)) = crashed else { break };
            let number = left.get(at).copied().unwrap_or_default();
            let library = &trials[number].library;
            // A library that crashes on load does so for all its handlers.
            let whole = crash.step == Step::Load;
            for other in left.iter().copied() {
                if other == number || whole && trials[other].library == *library {
                    outcomes[other].failure = Some(ProbeFailure::Crashed(crash.clone()));
                }
            }
            left.retain(|&other| outcomes[other].failure.is_none());
        }
        Ok(outcomes)
    }
}

/// The longest report, in bytes: the violations of one config.
const MAX_REPORT: u64 = 16 << 20;

#[derive(Debug)]
enum Report {
    /// The library of this name is loaded next.
    Preload(String),
    Step(usize, Step),
    Violations(usize, Vec<Violation>),
    Changes(usize, Vec<ProcessChange>),
    Memory(usize, u64),
    /// The schema of the handler whose `init` is next.
    Schema(Value),
    Done,
    /// A line that is no report. What follows it is not believed.
    Garbled,
}

/// The child's reports, until it closes its stdout.
fn reports(child: &mut Child) -> mpsc::Receiver<Report> {
    let (sender, receiver) = mpsc::channel();
    let stdout = child.stdout.take();
    thread::spawn(move || {
        if let Some(stdout) = stdout {
            read_reports(stdout, |report| sender.send(report).is_ok());
        }
    });
    receiver
}

/// Passes each report to `each`, up to the first line that is none or is too long.
fn read_reports(from: impl Read, mut each: impl FnMut(Report) -> bool) {
    let mut reader = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        let read = (&mut reader).take(MAX_REPORT).read_until(b'\n', &mut line);
        // A child that dies in the middle of a line has sent no report with it; how it died says more.
        if !matches!(read, Ok(1..))
            || line.last() != Some(&b'\n') && (line.len() as u64) < MAX_REPORT
        {
            return;
        }
        let report = parse(&line).unwrap_or(Report::Garbled);
        let last = matches!(report, Report::Garbled);
        if !each(report) || last {
            return;
        }
    }
}

fn parse(line: &[u8]) -> Option<Report> {
    let line: Value = serde_json::from_slice(line).ok()?;
    if line["done"] == true {
        return Some(Report::Done);
    }
    if let Some(name) = line.get("preload") {
        return Some(Report::Preload(name.as_str()?.to_owned()));
    }
    if let Some(schema) = line.get("schema") {
        return Some(Report::Schema(schema.clone()));
    }
    let trial = usize::try_from(line["trial"].as_u64()?).ok()?;
    if let Some(misfits) = line.get("misfits") {
        let violations = Deserialize::deserialize(misfits).ok()?;
        return Some(Report::Violations(trial, violations));
    }
    if let Some(bytes) = line.get("memory") {
        return Some(Report::Memory(trial, bytes.as_u64()?));
    }
    if let Some(changes) = line.get("changes") {
        let changes = Deserialize::deserialize(changes).ok()?;
        return Some(Report::Changes(trial, changes));
    }
    Some(Report::Step(
        trial,
        Step::from_name(line["step"].as_str()?)?,
    ))
}

/// The child's stderr once it has ended, up to a limit.
fn stderr(child: &mut Child) -> mpsc::Receiver<String> {
    const LIMIT: u64 = 1 << 20;
    let (sender, receiver) = mpsc::channel();
    let stderr = child.stderr.take();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = stderr {
            // What was read before an error is still useful.
            let _ = pipe.take(LIMIT).read_to_end(&mut bytes);
        }
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn input(trials: &[Trial], context: &ProbeContext) -> Value {
    let trials: Vec<_> = trials
        .iter()
        .map(|trial| {
            json!({
                "library": trial.library.to_string_lossy(),
                "export": trial.export,
                "name": trial.name,
                "config": trial.config.values(),
            })
        })
        .collect();
    json!({
        "environment": context.environment,
        "directory": context.directory.to_string_lossy(),
        "preload": context.preload,
        "trials": trials,
    })
}

/// Kills a child that has finished: what it would still run, such as destructors, may hang.
fn finish(mut child: Child) {
    // It may have just ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(text: &[u8]) -> Vec<String> {
        let mut got = Vec::new();
        read_reports(text, |report| {
            got.push(format!("{report:?}"));
            true
        });
        got
    }

    #[test]
    fn reports_end_at_the_first_bad_line() {
        let good = b"{\"trial\":0,\"step\":\"load\"}\n{\"done\":true}\n";
        assert_eq!(reports(good), ["Step(0, Load)", "Done"]);
        for bad in [
            "hello",
            "",
            "{\"trial\":0}",
            "{\"trial\":0,\"step\":\"dance\"}",
            "[1]",
        ] {
            let text = format!("{{\"trial\":0,\"step\":\"load\"}}\n{bad}\n{{\"done\":true}}\n");
            assert_eq!(
                reports(text.as_bytes()),
                ["Step(0, Load)", "Garbled"],
                "{bad}"
            );
        }
    }

    #[test]
    fn report_without_end_is_not_read_to_its_end() {
        let mut got = Vec::new();
        read_reports(std::io::repeat(b'x'), |report| {
            got.push(format!("{report:?}"));
            true
        });
        assert_eq!(got, ["Garbled"]);
        // The line in which a child died is no report of it.
        assert!(reports(b"{\"trial\":0,\"st").is_empty());
    }
}
