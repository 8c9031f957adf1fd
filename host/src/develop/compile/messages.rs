//! Cargo's output of a build: JSON messages on stdout, text on stderr. Pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One of cargo's messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A target was built, or was up to date.
    Artifact(Artifact),
    /// The compiler reports something.
    Diagnostic(Diagnostic),
}

/// What was built of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Artifact {
    /// The id of the package.
    pub(super) package: String,
    pub(super) files: Vec<PathBuf>,
    /// Whether it is a dynamic library.
    pub(super) is_plugin: bool,
    /// Whether it was up to date.
    pub(super) fresh: bool,
    /// The features that it was built with.
    pub(super) features: BTreeSet<String>,
}

impl Artifact {
    /// Its dynamic library.
    pub(super) fn library(&self) -> Option<&PathBuf> {
        let is_library = |file: &&PathBuf| {
            file.extension()
                .is_some_and(|end| end == std::env::consts::DLL_EXTENSION)
        };
        self.files
            .iter()
            .filter(|_| self.is_plugin)
            .find(is_library)
    }
}

/// A diagnostic of the compiler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Diagnostic {
    /// The id of the package.
    pub(super) package: String,
    pub(super) is_error: bool,
    /// The files that it names, as rustc writes them: where it is, and what could not be read.
    pub(super) files: BTreeSet<PathBuf>,
    /// As rustc shows it, with its colours.
    pub(super) rendered: String,
}

/// Reads a line of `--message-format=json`.
pub(super) fn read(line: &str) -> Option<Message> {
    let message: Value = serde_json::from_str(line).ok()?;
    let package = || Some(message["package_id"].as_str()?.to_owned());
    match message["reason"].as_str()? {
        "compiler-artifact" => {
            let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let strings = |value: &Value| {
                let all = list(value).into_iter();
                all.filter_map(|one| Some(one.as_str()?.to_owned()))
                    .collect::<Vec<_>>()
            };
            let kinds = strings(&message["target"]["kind"]);
            Some(Message::Artifact(Artifact {
                package: package()?,
                files: strings(&message["filenames"])
                    .into_iter()
                    .map(PathBuf::from)
                    .collect(),
                is_plugin: kinds.iter().any(|kind| kind == "cdylib"),
                fresh: message["fresh"] == true,
                features: strings(&message["features"]).into_iter().collect(),
            }))
        }
        "compiler-message" => {
            diagnostic(&message["message"], package().unwrap_or_default()).map(Message::Diagnostic)
        }
        _ => None,
    }
}

/// An error or a warning; not the summaries at the end of rustc's output.
fn diagnostic(message: &Value, package: String) -> Option<Diagnostic> {
    let (level, text) = (message["level"].as_str()?, message["message"].as_str()?);
    let is_error = level.starts_with("error");
    let summary = text.starts_with("aborting due to")
        || text.ends_with("warning emitted")
        || text.ends_with("warnings emitted");
    if summary || !(is_error || level == "warning") {
        return None;
    }
    let mut files = BTreeSet::new();
    collect_files(message, &mut files);
    Some(Diagnostic {
        package,
        is_error,
        files,
        rendered: message["rendered"].as_str()?.trim_end().to_owned(),
    })
}

/// The files that a diagnostic and its notes name: spans, macros' call sites, and quoted paths, such as that of a missing
/// module or of a file that `include_str!` could not read.
fn collect_files(message: &Value, files: &mut BTreeSet<PathBuf>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for span in list(&message["spans"]) {
        let mut span = &span;
        while let Some(file) = span["file_name"].as_str() {
            // `<std macros>` and the like are no files.
            if !file.starts_with('<') {
                files.insert(file.into());
            }
            span = &span["expansion"]["span"];
        }
    }
    let text = message["message"].as_str().unwrap_or_default();
    if let Some((path, _)) = text
        .strip_prefix("couldn't read `")
        .and_then(|rest| rest.split_once('`'))
    {
        files.insert(path.into());
    }
    let quoted = text.split('"').skip(1).step_by(2);
    files.extend(
        quoted
            .filter(|path| path.ends_with(".rs"))
            .map(PathBuf::from),
    );
    for child in list(&message["children"]) {
        collect_files(&child, files);
    }
}

/// `rendered` with relative paths below `root`, for crates whose workspace is not the reader's.
pub(super) fn with_root(rendered: &str, root: &Path) -> String {
    let line = |line: &str| {
        let arrow = ["--> ", "::: "]
            .iter()
            .find_map(|arrow| Some(line.find(arrow)? + arrow.len()));
        let Some(mut at) = arrow else {
            return line.to_owned();
        };
        // Past the escapes of colours.
        while let Some(rest) = line[at..].strip_prefix('\u{1b}') {
            at = line.len() - rest.len() + rest.find('m').map_or(0, |end| end + 1);
        }
        match line[at..].starts_with(['/', '<']) {
            true => line.to_owned(),
            false => format!("{}{}/{}", &line[..at], root.display(), &line[at..]),
        }
    };
    rendered.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Why a build failed: the compiler's errors, else cargo's own.
pub(super) fn failure_text(diagnostics: &[Diagnostic], stderr: &str, names: &[&str]) -> String {
    let mut errors: Vec<&str> = Vec::new();
    for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.is_error) {
        // Rustc repeats an error in the expansions of one macro.
        if !errors.contains(&diagnostic.rendered.as_str()) {
            errors.push(&diagnostic.rendered);
        }
    }
    if !errors.is_empty() {
        return errors.join("\n\n");
    }
    let plain = anstream::adapter::strip_str(stderr).to_string();
    // Without the progress bar, which cargo overwrites.
    let lines: Vec<_> = plain
        .lines()
        .map(|line| line.rsplit('\r').next().unwrap_or(line))
        .collect();
    let first = lines.iter().position(|line| line.starts_with("error"));
    let text = lines
        .get(first.unwrap_or(0)..)
        .unwrap_or_default()
        .join("\n");
    format!(
        "cargo could not build {}:\n{}",
        names.join(", "),
        text.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HELLO: &str = "path+file:///w/plugins/hello#0.1.0";

    fn said(level: &str, text: &str) -> Option<Diagnostic> {
        let rendered = format!("\u{1b}[1m{level}\u{1b}[0m: {text}\n\n");
        let message = json!({ "level": level, "message": text, "rendered": rendered });
        let line = json!({ "reason": "compiler-message", "package_id": HELLO, "message": message });
        match read(&line.to_string())? {
            Message::Diagnostic(diagnostic) => Some(diagnostic),
            Message::Artifact(_) => None,
        }
    }

    fn error(text: &str) -> Diagnostic {
        Diagnostic {
            is_error: true,
            rendered: text.to_owned(),
            ..Diagnostic::default()
        }
    }

    #[test]
    fn unreadable_files_and_missing_modules_are_named() {
        let text = "couldn't read `a/src/../page.html`: No such file or directory (os error 2)";
        let files = said("error", text).unwrap().files;
        assert_eq!(files, [PathBuf::from("a/src/../page.html")].into());
        let message = json!({
            "level": "error", "message": "file not found for module `words`", "rendered": "error",
            "spans": [{ "file_name": "src/lib.rs", "expansion": { "span": { "file_name": "src/gen.rs" } } }],
            "children": [{ "message": "to create the module, create file \"src/words.rs\" or \"src/words/mod.rs\"" }],
        });
        let files = diagnostic(&message, String::new()).unwrap().files;
        let expected = [
            "src/gen.rs",
            "src/lib.rs",
            "src/words.rs",
            "src/words/mod.rs",
        ];
        assert_eq!(files, expected.map(PathBuf::from).into());
    }

    #[test]
    fn artifact_belongs_to_a_package_id() {
        let line = json!({
            "reason": "compiler-artifact", "package_id": HELLO, "fresh": true, "features": ["x"],
            "target": { "kind": ["cdylib"] }, "filenames": ["/t/libhello.so"],
        });
        let artifact = Artifact {
            package: HELLO.to_owned(),
            files: vec!["/t/libhello.so".into()],
            is_plugin: true,
            fresh: true,
            features: ["x".to_owned()].into(),
        };
        assert_eq!(artifact.library(), Some(&PathBuf::from("/t/libhello.so")));
        assert_eq!(read(&line.to_string()), Some(Message::Artifact(artifact)));
    }

    #[test]
    fn relative_paths_get_the_root_and_others_stay() {
        let text = "error: x\n \u{1b}[1m--> \u{1b}[0msrc/lib.rs:24:13\n  ::: /far/part.rs:1:1\n  --> src/a.rs:1:1";
        let expected = "error: x\n \u{1b}[1m--> \u{1b}[0m/shout/src/lib.rs:24:13\n  ::: /far/part.rs:1:1\n  \
                        --> /shout/src/a.rs:1:1";
        assert_eq!(with_root(text, Path::new("/shout")), expected);
    }

    #[test]
    fn only_errors_and_warnings_count() {
        assert!(said("error", "mismatched types").unwrap().is_error);
        let panicked = said("error: internal compiler error", "unexpected panic");
        assert!(panicked.unwrap().is_error);
        let unused = said("warning", "unused variable: `x`").unwrap();
        assert!(!unused.is_error && unused.rendered.ends_with("`x`") && unused.package == HELLO);
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
    fn failure_text_is_rustcs_else_cargos() {
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
        let expected = "cargo could not build hello:\nerror: failed to run custom build command for `hello`\n\n\
                    Caused by:\n  no";
        assert_eq!(failure_text(&[warning], stderr, &["hello"]), expected);
    }
}
