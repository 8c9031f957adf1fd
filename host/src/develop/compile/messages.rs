//! What cargo says while it builds: line by line on its stdout, and in diagnostics on its stderr. Pure.

use std::path::PathBuf;

use serde_json::Value;

/// One of cargo's messages, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A package was built, or was as it should be.
    Artifact(Artifact),
    /// The compiler has something to say.
    Diagnostic(Diagnostic),
}

/// What was built of a package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Artifact {
    pub(super) package: String,
    pub(super) files: Vec<PathBuf>,
    /// Whether it is a dynamic library.
    pub(super) is_plugin: bool,
}

/// What the compiler says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Diagnostic {
    pub(super) is_error: bool,
    /// The file that an `include_str!` and the like could not read, as the source names it.
    pub(super) unreadable: Option<PathBuf>,
    /// As rustc shows it, with its colours.
    pub(super) rendered: String,
}

/// Reads a line of `--message-format=json`.
pub(super) fn read(line: &str) -> Option<Message> {
    let message: Value = serde_json::from_str(line).ok()?;
    match message["reason"].as_str()? {
        "compiler-artifact" => {
            let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let kinds = list(&message["target"]["kind"]);
            let files = list(&message["filenames"]);
            Some(Message::Artifact(Artifact {
                package: package_name(message["package_id"].as_str()?)?,
                files: files
                    .iter()
                    .filter_map(Value::as_str)
                    .map(PathBuf::from)
                    .collect(),
                is_plugin: kinds.iter().any(|kind| kind == "cdylib"),
            }))
        }
        "compiler-message" => diagnostic(&message["message"]).map(Message::Diagnostic),
        _ => None,
    }
}

/// Errors and warnings, but for the sums that rustc draws at the end.
fn diagnostic(message: &Value) -> Option<Diagnostic> {
    let (level, text) = (message["level"].as_str()?, message["message"].as_str()?);
    let is_error = level.starts_with("error");
    let sum = text.starts_with("aborting due to")
        || text.ends_with("warning emitted")
        || text.ends_with("warnings emitted");
    if sum || !(is_error || level == "warning") {
        return None;
    }
    Some(Diagnostic {
        is_error,
        unreadable: unreadable(text),
        rendered: message["rendered"].as_str()?.trim_end().to_owned(),
    })
}

/// The path in rustc's diagnostics for a file that it could not read.
fn unreadable(text: &str) -> Option<PathBuf> {
    let (path, _) = text.strip_prefix("couldn't read `")?.split_once('`')?;
    Some(path.into())
}

/// The name in a package id: `path+file:///x/hello#0.1.0`, or `…/x#hello@0.1.0`.
fn package_name(id: &str) -> Option<String> {
    let (place, version) = id.rsplit_once('#')?;
    let name = match version.split_once('@') {
        Some((name, _)) => name,
        None => place.rsplit('/').next()?,
    };
    Some(name.to_owned())
}

/// Why a build failed: the compiler's errors, else what cargo itself has complained of.
pub(super) fn failure_text(diagnostics: &[Diagnostic], stderr: &str, packages: &[&str]) -> String {
    let mut errors: Vec<&str> = Vec::new();
    for word in diagnostics.iter().filter(|word| word.is_error) {
        // Rustc may say the same of each place that a macro has made of one.
        if !errors.contains(&word.rendered.as_str()) {
            errors.push(&word.rendered);
        }
    }
    if !errors.is_empty() {
        return errors.join("\n\n");
    }
    let plain = anstream::adapter::strip_str(stderr).to_string();
    // What a progress bar has written over is not there any more.
    let lines: Vec<_> = plain
        .lines()
        .map(|line| line.rsplit('\r').next().unwrap_or(line))
        .collect();
    let first = lines.iter().position(|line| line.starts_with("error"));
    let told = lines
        .get(first.unwrap_or(0)..)
        .unwrap_or_default()
        .join("\n");
    format!(
        "cargo could not build {}:\n{}",
        packages.join(", "),
        told.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(level: &str, text: &str) -> Option<Message> {
        let rendered = format!("\u{1b}[1m{level}\u{1b}[0m: {text}\n\n");
        let message = json!({ "level": level, "message": text, "rendered": rendered });
        read(&json!({ "reason": "compiler-message", "message": message }).to_string())
    }

    fn error(text: &str) -> Diagnostic {
        Diagnostic {
            is_error: true,
            unreadable: None,
            rendered: text.to_owned(),
        }
    }

    #[test]
    fn a_file_that_can_not_be_read_is_named() {
        let text = "couldn't read `a/src/../page.html`: No such file or directory (os error 2)";
        assert!(matches!(said("error", text),
            Some(Message::Diagnostic(word)) if word.unreadable.as_deref() == Some("a/src/../page.html".as_ref())));
    }

    #[test]
    fn both_forms_of_a_package_id() {
        let plain = package_name("path+file:///w/plugins/hello#0.1.0");
        assert_eq!(plain.as_deref(), Some("hello"));
        let named = package_name("path+file:///w/plugins/x#hello@0.1.0");
        assert_eq!(named.as_deref(), Some("hello"));
    }

    #[test]
    fn an_artifact_tells_what_was_built_of_whom() {
        let line = json!({
            "reason": "compiler-artifact", "package_id": "path+file:///w/hello#0.1.0",
            "target": { "kind": ["cdylib"] }, "filenames": ["/t/libhello.so"],
        });
        let artifact = Artifact {
            package: "hello".to_owned(),
            files: vec!["/t/libhello.so".into()],
            is_plugin: true,
        };
        assert_eq!(read(&line.to_string()), Some(Message::Artifact(artifact)));
    }

    #[test]
    fn errors_and_warnings_count_and_nothing_else() {
        assert!(
            matches!(said("error", "mismatched types"), Some(Message::Diagnostic(word)) if word.is_error)
        );
        let panicked = said("error: internal compiler error", "unexpected panic");
        assert!(matches!(panicked, Some(Message::Diagnostic(word)) if word.is_error));
        let unused = said("warning", "unused variable: `x`");
        assert!(
            matches!(unused, Some(Message::Diagnostic(word)) if !word.is_error && word.rendered.ends_with("`x`"))
        );
        for (level, text) in [
            (
                "error",
                "aborting due to 2 previous errors; 1 warning emitted",
            ),
            ("warning", "1 warning emitted"),
            ("warning", "2 warnings emitted"),
            (
                "failure-note",
                "For more information about this error, try `rustc --explain E0308`.",
            ),
        ] {
            assert_eq!(said(level, text), None, "{text}");
        }
        assert_eq!(read("not of cargo"), None);
    }

    #[test]
    fn the_reason_is_the_compilers_else_cargos() {
        let warning = Diagnostic {
            is_error: false,
            ..error("warning: unused")
        };
        let diagnostics = [
            error("error: one"),
            warning.clone(),
            error("error: two"),
            error("error: one"),
        ];
        assert_eq!(
            failure_text(&diagnostics, "error: could not compile `hello`", &["hello"]),
            "error: one\n\nerror: two"
        );
        let stderr = "   Compiling hello v0.1.0\n\u{1b}[36mBuilding\u{1b}[0m [===> ] 3/4\r\u{1b}[K\
                      \u{1b}[31merror\u{1b}[0m: failed to run custom build command for `hello`\n\nCaused by:\n  no\n";
        let told = "cargo could not build hello:\nerror: failed to run custom build command for `hello`\n\n\
                    Caused by:\n  no";
        assert_eq!(failure_text(&[warning], stderr, &["hello"]), told);
    }
}
