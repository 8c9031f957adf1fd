//! Runs the case files in `tests/manifests/`: a manifest, dashes, and its outline or errors.
//!
//! A case is a manifest with a few comments on top, so that the lines which diagnostics name are
//! those of the case file:
//!
//! ```toml
//! #! environment production      # the default: development
//! #! variable NAME=value         # repeatable; no other variables are set
//! #! crlf                        # the manifest has Windows line ends
//! #! bom                         # the manifest begins with a byte order mark
//! run = "hello"
//! ----------------------------------------
//! run hello
//! ```
//!
//! The expected output is the parsed manifest (limits and the like only if they differ from
//! the defaults) with its warnings, or its errors. A new case is a new file;
//! `UPDATE_EXPECT=1 cargo test -p stackup-tests manifest` writes the output. Review it.

use std::collections::HashMap;
use std::fmt::Write as _;

use stackup::load::manifest::{self, Diagnostic, Settings, Source};

use self::outline::outline;
use crate::cases;

mod outline;

#[test]
fn manifest_cases_match() {
    cases::check("manifests", |input| Ok(Case::read(input)?.run()));
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
            embedded: None,
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
