//! Headers for some of the files.

use regex::Regex;
use stackup_plugin::{Error, Fields, Response, Result};

use crate::config::{Files, HeaderRule};

/// As in Rack.
const FONTS: [&str; 6] = ["ttf", "otf", "eot", "woff2", "woff", "svg"];

/// Headers and the files that get them.
pub(crate) struct Rule {
    pattern: Pattern,
    headers: Fields,
}

enum Pattern {
    All,
    Extensions(Vec<String>),
    Below(String),
    Matching(Regex),
}

impl Rule {
    pub(crate) fn new(index: usize, rule: HeaderRule) -> Result<Self> {
        let pattern = match rule.files {
            Files::Named(name) if name == "all" => Pattern::All,
            Files::Named(name) if name == "fonts" => {
                Pattern::Extensions(FONTS.map(str::to_owned).to_vec())
            }
            Files::Named(folder) => Pattern::Below(format!("/{}/", folder.trim_matches('/'))),
            Files::Extensions(extensions) => Pattern::Extensions(
                extensions
                    .iter()
                    .map(|extension| extension.trim_start_matches('.').to_owned())
                    .collect(),
            ),
            Files::Matching { regex } => {
                Pattern::Matching(Regex::new(&regex).map_err(|error| {
                    Error::config(format!("header_rules[{index}].for.regex"), error)
                })?)
            }
        };
        Ok(Self {
            pattern,
            headers: rule.headers,
        })
    }

    /// Sets the headers if the rule matches the decoded `path`.
    pub(crate) fn apply(&self, path: &str, res: &mut Response) -> Result<()> {
        let matches = match &self.pattern {
            Pattern::All => true,
            Pattern::Extensions(extensions) => path
                .rsplit_once('.')
                .is_some_and(|(_, found)| extensions.iter().any(|extension| extension == found)),
            Pattern::Below(folder) => path.starts_with(folder.as_str()),
            Pattern::Matching(regex) => regex.is_match(path),
        };
        if matches {
            self.headers.set_on(res.headers_mut())?;
        }
        Ok(())
    }
}
