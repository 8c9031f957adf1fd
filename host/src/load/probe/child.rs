//! The child's side: loads the library, checks the config, calls `init`; reports each step before it begins.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::{Value, json};
use stackup_plugin::abi::host::{AttachedPlugin, HandlerContext, IgnoreFailures, Life};
use tokio::runtime::Handle;

use super::Step;
use crate::load::library::{ProcessState, anonymous, attach, preload};
use crate::load::schema::{of_config, violations};
use crate::services::{self, Tasks};

/// Address space for a library and its handlers; a plugin that needs more is considered leaking.
const MEMORY: u64 = 16 << 30;

/// Reads the trials from stdin and runs them.
pub fn main() -> ExitCode {
    let (Ok(report), Ok(input)) = (take_stdout(), read_input()) else {
        return ExitCode::FAILURE;
    };
    restrict();
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
    else {
        return ExitCode::FAILURE;
    };
    runtime.block_on(async {
        let _store = services::install(0);
        let _ = run_all(&input, report);
    });
    // No cleanup: it might hang, and there is nothing to lose.
    std::process::exit(0)
}

/// Separates the reports from what plugins print to stdout.
fn take_stdout() -> io::Result<File> {
    let report = rustix::io::dup(rustix::stdio::stdout())?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(report.into())
}

fn read_input() -> io::Result<Value> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// Disables core files and limits memory. Where that fails, the probe is only less strict.
fn restrict() {
    let bound = |limit| Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    let _ = setrlimit(Resource::Core, bound(0));
    let _ = setrlimit(Resource::As, bound(MEMORY));
}

fn run_all(input: &Value, mut report: File) -> io::Result<()> {
    let tasks = Arc::new(Tasks::new(Handle::current()));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for name in input["preload"].as_array().into_iter().flatten() {
        writeln!(report, "{}", json!({ "preload": name }))?;
        // Where it fails, the host says so.
        let _ = preload(&text(name));
    }
    let mut loaded: Option<(PathBuf, Option<AttachedPlugin>)> = None;
    let mut schemas = HashMap::new();
    let memory = || anonymous().unwrap_or_default();
    for (number, trial) in input["trials"].as_array().into_iter().flatten().enumerate() {
        let library = PathBuf::from(text(&trial["library"]));
        let mut before_load = None;
        if loaded.as_ref().is_none_or(|(path, _)| *path != library) {
            report_step(&mut report, number, Step::Load)?;
            before_load = Some(memory());
            let before = ProcessState::read();
            loaded = Some((library.clone(), load(&library)));
            report_changes(&mut report, number, &before)?;
            schemas.clear();
        }
        let export = text(&trial["export"]);
        if let Some((_, Some(plugin))) = &loaded {
            report_step(&mut report, number, Step::Schema)?;
            if let Some(before) = before_load {
                // Its allocator runs now. What `init` takes is the handler's, and ends with it.
                drop(plugin.schema(&export));
                let taken = memory().saturating_sub(before);
                writeln!(report, "{}", json!({ "trial": number, "memory": taken }))?;
            }
            let schema = schemas
                .entry(export.clone())
                .or_insert_with(|| of_config(&plugin.schema(&export).unwrap_or_default()));
            // Without a schema there is nothing to check; `init` decides.
            let found = schema
                .as_ref()
                .ok()
                .and_then(|schema| violations(schema, &trial["config"]).ok());
            if let Some(misfits) = found.filter(|found| !found.is_empty()) {
                writeln!(report, "{}", json!({ "trial": number, "misfits": misfits }))?;
                continue;
            }
            // If `init` crashes, its last words may quote what the schema marks as secret.
            if let Ok(schema) = schema {
                writeln!(report, "{}", json!({ "schema": schema }))?;
            }
        }
        report_step(&mut report, number, Step::Init)?;
        let name = text(&trial["name"]);
        let plugin = name.split('#').next().unwrap_or_default().to_owned();
        let context = HandlerContext {
            handler: name,
            plugin,
            // The parent knows it.
            fingerprint: String::new(),
            environment: text(&input["environment"]),
            directory: text(&input["directory"]).into(),
            scope: Arc::clone(&tasks) as _,
            failures: Arc::new(IgnoreFailures),
            life: Arc::new(Life::trial()),
            counters: Arc::default(),
        };
        if let Some((_, Some(plugin))) = &loaded {
            let config = trial["config"].to_string();
            let before = ProcessState::read();
            let built = plugin.init(&export, &config, context);
            // Dropping it is part of a generation's end, which a probe does not cover.
            std::mem::forget(built);
            report_changes(&mut report, number, &before)?;
        }
    }
    writeln!(report, "{}", json!({ "done": true }))
}

/// Reports what a trial has changed since `before`, if anything.
fn report_changes(report: &mut File, trial: usize, before: &ProcessState) -> io::Result<()> {
    let changes = before.changes(&ProcessState::read());
    // As where it serves. The next trial shows its own changes.
    before.set_back_thread();
    match changes {
        changes if changes.is_empty() => Ok(()),
        changes => writeln!(report, "{}", json!({ "trial": trial, "changes": changes })),
    }
}

fn report_step(report: &mut File, trial: usize, step: Step) -> io::Result<()> {
    writeln!(report, "{}", json!({ "trial": trial, "step": step.name() }))
}

/// A library that does not load or is incompatible: the host refuses it with its own message.
fn load(copy: &Path) -> Option<AttachedPlugin> {
    attach(copy).ok()
}
