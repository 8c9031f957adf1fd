//! `stackup inspect`: a library's metadata.

use std::path::Path;
use std::process::ExitCode;

use super::output::{print, print_error};
use super::serve::shelf;
use crate::load::library::{
    Fingerprint, HandlerKind, Metadata, Requirements, SettleTimeouts, Trust, describe, static_tls,
};

/// How large a library may be: it is read as a whole.
const MAX_LEN: u64 = 1 << 30;

pub(super) fn inspect(file: &Path, schema: bool, trust: Trust) -> ExitCode {
    let shown = read(file).and_then(|(metadata, fingerprint, static_tls)| {
        let mut text = render(&metadata, fingerprint);
        if let Some(bytes) = static_tls {
            text.push_str(&format!(
                "static tls  {bytes} bytes of each process for each copy: see docs/one-process.md, \"Allocators\"\n"
            ));
        }
        if let Some(engine) = metadata.embedded {
            text.push_str(&format!(
                "contains    {engine}: a fresh worker loads new code, unless the directive says `reload = \"in-process\"`\n"
            ));
        }
        if schema {
            text.push_str(&schemas(file, &metadata, trust)?);
        }
        Ok(text)
    });
    match shown {
        Ok(text) => print(&text),
        Err(reason) => {
            print_error(&reason);
            ExitCode::FAILURE
        }
    }
}

fn read(file: &Path) -> Result<(Metadata, Fingerprint, Option<u64>), String> {
    let refused = |error: &dyn std::fmt::Display| format!("`{}`: {error}", file.display());
    let bytes = checked_file::read(file, MAX_LEN).map_err(|error| refused(&error))?;
    let metadata = describe(&bytes).map_err(|error| match error.help() {
        Some(help) => format!("{}\n\nhelp: {help}", refused(&error)),
        None => refused(&error),
    })?;
    Ok((metadata, Fingerprint::of(&bytes), static_tls(&bytes)))
}

fn render(metadata: &Metadata, fingerprint: Fingerprint) -> String {
    let Metadata {
        name,
        version,
        description,
        abi,
        rustc,
        profile,
        handlers,
        ..
    } = metadata;
    let mut text = format!("{name} {version}\n");
    if !description.is_empty() {
        text.push_str(&format!("{description}\n"));
    }
    text.push('\n');
    for handler in handlers {
        let kind = match handler.kind {
            HandlerKind::App => "app",
            HandlerKind::Middleware => "middleware",
        };
        text.push_str(&format!("{kind:<12}{}\n", handler.name));
    }
    let fits = match metadata.check_compatibility(stackup_plugin::abi::VERSION) {
        Ok(()) => "fits this stackup".to_owned(),
        Err(misfit) => format!("does not fit: {misfit}"),
    };
    text.push_str(&format!(
        "\nabi         {abi} ({fits})\nbuilt       {profile}, {rustc}\nsha256      {fingerprint}\n"
    ));
    text
}

/// The schemas of a library's handlers. Only a loaded library can produce them.
fn schemas(file: &Path, metadata: &Metadata, trust: Trust) -> Result<String, String> {
    let demands = Requirements {
        pin: None,
        locked: None,
        trust,
        abi: stackup_plugin::abi::VERSION,
        settle: SettleTimeouts::default(),
    };
    let mut shelf = shelf().map_err(|error| error.to_string())?;
    let library = shelf
        .load_file(file, &demands)
        .map_err(|error| error.to_string())?;
    let mut text = String::new();
    for handler in &metadata.handlers {
        let schema = library.plugin.schema(&handler.name).unwrap_or_default();
        let pretty = serde_json::from_str::<serde_json::Value>(&schema)
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or(schema);
        text.push_str(&format!("\nconfig of {}\n{pretty}\n", handler.name));
    }
    Ok(text)
}
