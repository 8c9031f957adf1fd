//! Runs the case files in `tests/manifests/`: a manifest, dashes, and what comes of it.
//!
//! A case is a manifest with a few comments on top, so that the lines which diagnostics name are
//! those of the case file:
//!
//! ```toml
//! #! environment production      # the default: development
//! #! variable NAME=value         # as often as need be; no other variables are set
//! #! crlf                        # the manifest has Windows line ends
//! #! bom                         # the manifest begins with a byte order mark
//! run = "hello"
//! ----------------------------------------
//! run hello
//! ```
//!
//! Below the dashes stands the manifest as understood (limits and the like only if they differ from
//! the defaults) with its warnings, or the errors as a person reads them. A new case is a new file;
//! `UPDATE_EXPECT=1 cargo test -p stackup-tests manifest` writes what is below the dashes. Read it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;
use stackup::manifest::{self, Diagnostic, Settings, Source};

use self::outline::outline;

mod outline;

const DASHES: &str = "----------------------------------------";

#[test]
fn every_case_comes_out_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "case")
        })
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());

    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case, update))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases differ (- expected, + found; UPDATE_EXPECT=1 accepts):\n\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// What differs in one case, if anything does.
fn check(path: &Path, update: bool) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(format!("{name}: {error}\n")),
    };
    let (input, expected) = text
        .split_once(&format!("{DASHES}\n"))
        .unwrap_or((&text, ""));
    let found = match Case::read(input) {
        Ok(case) => case.run(),
        Err(reason) => return Some(format!("{name}: {reason}\n")),
    };
    if found == expected {
        return None;
    }
    if update {
        let written = fs::write(path, format!("{input}{DASHES}\n{found}"));
        return written.err().map(|error| format!("{name}: {error}\n"));
    }
    let diff = TextDiff::from_lines(expected, &found);
    Some(format!(
        "{name}:\n{}",
        diff.unified_diff().context_radius(3)
    ))
}

/// The part of a case file above the dashes.
struct Case {
    environment: String,
    variables: HashMap<String, String>,
    text: String,
}

impl Case {
    fn read(input: &str) -> Result<Self, String> {
        let mut case = Self {
            environment: "development".to_owned(),
            variables: HashMap::new(),
            text: input.to_owned(),
        };
        for line in input.lines().map_while(|line| line.strip_prefix("#! ")) {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("environment", name) => case.environment = name.to_owned(),
                ("variable", assignment) => {
                    let (name, value) = assignment.split_once('=').ok_or("variable NAME=value")?;
                    case.variables.insert(name.to_owned(), value.to_owned());
                }
                ("crlf", _) => case.text = case.text.replace('\n', "\r\n"),
                ("bom", _) => case.text.insert(0, '\u{feff}'),
                _ => return Err(format!("`#! {line}` is not understood")),
            }
        }
        Ok(case)
    }

    fn run(&self) -> String {
        let source = Source {
            path: "config.ru.toml".into(),
            text: self.text.clone(),
        };
        let settings = Settings {
            environment: &self.environment,
            variable: &|name| self.variables.get(name).cloned(),
        };
        let rendered =
            |diagnostics: &[Diagnostic]| source.render(diagnostics, false).replace('\r', "");
        match manifest::parse(&source, &settings) {
            Ok(parsed) => {
                let mut out = outline(&parsed.manifest);
                if !parsed.warnings.is_empty() {
                    let _ = write!(out, "\n{}", rendered(&parsed.warnings));
                }
                out
            }
            Err(diagnostics) => rendered(&diagnostics),
        }
    }
}
