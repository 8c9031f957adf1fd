//! The parent's side: start a child, listen, judge.

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
use super::{ARGUMENT, Probe, ProbeContext, ProbeFailure, Step, Trial};
use crate::load::program;
use crate::load::schema::Violation;
use crate::policy::ExitReason;

/// Probes in children of a program that understands [`ARGUMENT`].
#[derive(Debug)]
pub struct ChildProbe {
    program: PathBuf,
}

impl ChildProbe {
    /// Children of this very program.
    ///
    /// # Errors
    ///
    /// When the system does not tell which program this is.
    pub fn of_this_program() -> std::io::Result<Self> {
        Ok(Self {
            program: program::current_exe()?,
        })
    }

    fn start(&self) -> Result<Child, String> {
        Command::new(&self.program)
            .arg0("stackup")
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                format!(
                    "no probe could be started (`{}`): {error}",
                    self.program.display()
                )
            })
    }

    /// One child for all trials, up to the one that kills it.
    fn run_child(&self, trials: &[Trial], setting: &ProbeContext) -> Result<ChildOutcome, String> {
        let mut child = self.start()?;
        let told = told(&mut child);
        let last_words = last_words(&mut child);
        let input = input(trials, setting).to_string();
        let sent = child
            .stdin
            .take()
            .map(|mut stdin| stdin.write_all(input.as_bytes()));
        let (mut last, mut misfits) = (None, Vec::new());
        let hung = loop {
            match told.recv_timeout(setting.limit) {
                Ok(Report::Step(trial, step)) => last = Some((trial, step)),
                Ok(Report::Misfits(trial, violations)) => misfits.push((trial, violations)),
                Ok(Report::Done) => {
                    finish(child);
                    let died = None;
                    return Ok(ChildOutcome { misfits, died });
                }
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
            }
        };
        if hung {
            // It may have ended this moment; then there is nothing to kill.
            let _ = child.kill();
        }
        let status = child
            .wait()
            .map_err(|error| format!("a probe was lost: {error}"))?;
        let how = if hung {
            ExitReason::Hung(setting.limit)
        } else {
            ExitReason::of(status)
        };
        let Some((trial, step)) = last else {
            let sent = sent.is_some_and(|sent| sent.is_ok());
            return Err(format!(
                "a probe ended before its first trial: {how:?}, input sent: {sent}"
            ));
        };
        let words = last_words
            .recv_timeout(Duration::from_secs(1))
            .unwrap_or_default();
        let died = Some((trial, ProbeCrash::new(step, how, &words)));
        Ok(ChildOutcome { misfits, died })
    }
}

/// What came of one child; trials are numbered as it got them.
struct ChildOutcome {
    misfits: Vec<(usize, Vec<Violation>)>,
    /// Which trial killed it, if one did: those after it are not tried yet.
    died: Option<(usize, ProbeCrash)>,
}

impl Probe for ChildProbe {
    fn run(
        &self,
        trials: &[Trial],
        setting: &ProbeContext,
    ) -> Result<Vec<Option<ProbeFailure>>, String> {
        let mut faults = vec![None; trials.len()];
        let mut left: Vec<usize> = (0..trials.len()).collect();
        // Each child ends with at most one death; the others get another one.
        while !left.is_empty() {
            let batch: Vec<_> = left.iter().map(|&number| trials[number].clone()).collect();
            let ChildOutcome { misfits, died } = self.run_child(&batch, setting)?;
            for (at, violations) in misfits {
                if let Some(number) = left.get(at) {
                    faults[*number] = Some(ProbeFailure::InvalidConfig(violations));
                }
            }
            let Some((at, death)) = died else { break };
            let number = left.get(at).copied().unwrap_or_default();
            let library = &trials[number].library;
            // A library that kills on load does so for all its handlers.
            let whole = death.step == Step::Load;
            for other in left.iter().copied() {
                if other == number || whole && trials[other].library == *library {
                    faults[other] = Some(ProbeFailure::Crashed(death.clone()));
                }
            }
            left.retain(|&other| faults[other].is_none());
        }
        Ok(faults)
    }
}

enum Report {
    Step(usize, Step),
    Misfits(usize, Vec<Violation>),
    Done,
}

/// What the child tells, until it closes its stdout.
fn told(child: &mut Child) -> mpsc::Receiver<Report> {
    let (sender, receiver) = mpsc::channel();
    let lines = child.stdout.take().map(BufReader::new);
    thread::spawn(move || {
        for line in lines
            .into_iter()
            .flat_map(BufRead::lines)
            .map_while(Result::ok)
        {
            let told = parse(&line);
            if told.is_some_and(|told| sender.send(told).is_err()) {
                return;
            }
        }
    });
    receiver
}

fn parse(line: &str) -> Option<Report> {
    let line: Value = serde_json::from_str(line).ok()?;
    if line["done"] == true {
        return Some(Report::Done);
    }
    let trial = usize::try_from(line["trial"].as_u64()?).ok()?;
    if let Some(misfits) = line.get("misfits") {
        let violations = Deserialize::deserialize(misfits).ok()?;
        return Some(Report::Misfits(trial, violations));
    }
    Some(Report::Step(
        trial,
        Step::from_word(line["step"].as_str()?)?,
    ))
}

/// All that the child writes to stderr, once it has ended; bounded.
fn last_words(child: &mut Child) -> mpsc::Receiver<String> {
    const MOST: u64 = 1 << 20;
    let (sender, receiver) = mpsc::channel();
    let stderr = child.stderr.take();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = stderr {
            // What was read before an error is worth telling, too.
            let _ = pipe.take(MOST).read_to_end(&mut bytes);
        }
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn input(trials: &[Trial], setting: &ProbeContext) -> Value {
    let trials: Vec<_> = trials
        .iter()
        .map(|trial| {
            json!({
                "library": trial.library.to_string_lossy(),
                "export": trial.export,
                "name": trial.name,
                "config": trial.config,
            })
        })
        .collect();
    json!({
        "environment": setting.environment,
        "directory": setting.directory.to_string_lossy(),
        "trials": trials,
    })
}

/// Ends a child that has done its work: what it would still run, destructors say, may hang.
fn finish(mut child: Child) {
    // It may have ended by itself this moment.
    let _ = child.kill();
    let _ = child.wait();
}
