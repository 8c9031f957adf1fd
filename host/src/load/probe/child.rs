//! The child's side: load, check library and config, build; tell each step before it begins.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::{Value, json};
use stackup_plugin::abi::host::{AttachedPlugin, HandlerContext, IgnoreFailures};
use tokio::runtime::Handle;

use super::Step;
use crate::load::library::attach;
use crate::load::schema::{of_config, violations};
use crate::services::{self, Tasks};

/// Address space for a library and its handlers; a plugin that wants more is taken for a leak.
const MEMORY: u64 = 16 << 30;

/// Reads the trials from stdin and tries them out.
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
        services::install();
        let _ = try_all(&input, report);
    });
    // Nothing is cleaned up: it might hang, and there is nothing to lose.
    std::process::exit(0)
}

/// What a plugin prints must not mix with what we tell.
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

/// No core files, and an end to memory. Where it can't be had, the probe is a little less strict.
fn restrict() {
    let bound = |limit| Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    let _ = setrlimit(Resource::Core, bound(0));
    let _ = setrlimit(Resource::As, bound(MEMORY));
}

fn try_all(input: &Value, mut report: File) -> io::Result<()> {
    let tasks = Arc::new(Tasks::new(Handle::current()));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut loaded: Option<(PathBuf, Option<AttachedPlugin>)> = None;
    let mut schemas = HashMap::new();
    for (number, trial) in input["trials"].as_array().into_iter().flatten().enumerate() {
        let library = PathBuf::from(text(&trial["library"]));
        if loaded.as_ref().is_none_or(|(path, _)| *path != library) {
            tell(&mut report, number, Step::Load)?;
            loaded = Some((library.clone(), load(&library)));
            schemas.clear();
        }
        let export = text(&trial["export"]);
        if let Some((_, Some(plugin))) = &loaded {
            tell(&mut report, number, Step::Schema)?;
            let schema = schemas
                .entry(export.clone())
                .or_insert_with(|| of_config(&plugin.schema(&export).unwrap_or_default()));
            // Without a schema there is nothing to hold it against; `init` judges.
            let found = schema
                .as_ref()
                .ok()
                .and_then(|schema| violations(schema, &trial["config"]).ok());
            if let Some(misfits) = found.filter(|found| !found.is_empty()) {
                writeln!(report, "{}", json!({ "trial": number, "misfits": misfits }))?;
                continue;
            }
        }
        tell(&mut report, number, Step::Init)?;
        let name = text(&trial["name"]);
        let plugin = name.split('#').next().unwrap_or_default().to_owned();
        let context = HandlerContext {
            handler: name,
            plugin,
            // Who asked for the trial knows whose it is.
            fingerprint: String::new(),
            environment: text(&input["environment"]),
            directory: text(&input["directory"]).into(),
            scope: Arc::clone(&tasks) as _,
            failures: Arc::new(IgnoreFailures),
        };
        if let Some((_, Some(plugin))) = &loaded {
            let config = trial["config"].to_string();
            let built = plugin.init(&export, &config, context);
            // Its drop belongs to the end of a generation, not to its beginning.
            std::mem::forget(built);
        }
    }
    writeln!(report, "{}", json!({ "done": true }))
}

fn tell(report: &mut File, trial: usize, step: Step) -> io::Result<()> {
    writeln!(report, "{}", json!({ "trial": trial, "step": step.word() }))
}

/// A library that does not load or fit is the host's to refuse, in its own words.
fn load(copy: &Path) -> Option<AttachedPlugin> {
    attach(copy).ok()
}
