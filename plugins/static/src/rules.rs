//! Headers for some of the files.

use regex::Regex;
use stackup_plugin::{Error, Fields, Response, Result};

use crate::config::{Files, HeaderRule};

/// As in Rack.
const FONTS: [&str; 6] = ["ttf", "otf", "eot", "woff2", "woff", "svg"];

/// Headers, and the files that get them.
pub(crate) struct Rule {
    which: Which,
    headers: Fields,
}

enum Which {
    All,
    Extensions(Vec<String>),
    Below(String),
    Matching(Regex),
}

impl Rule {
    pub(crate) fn new(index: usize, rule: HeaderRule) -> Result<Self> {
        let which = match rule.files {
            Files::Named(name) if name == "all" => Which::All,
            Files::Named(name) if name == "fonts" => {
                Which::Extensions(FONTS.map(str::to_owned).to_vec())
            }
            Files::Named(folder) => Which::Below(format!("/{}/", folder.trim_matches('/'))),
            Files::Extensions(extensions) => Which::Extensions(
                extensions
                    .iter()
                    .map(|extension| extension.trim_start_matches('.').to_owned())
                    .collect(),
            ),
            Files::Matching { regex } => Which::Matching(Regex::new(&regex).map_err(|error| {
                Error::config(format!("header_rules[{index}].for.regex"), error)
            })?),
        };
        Ok(Self {
            which,
            headers: rule.headers,
        })
    }

    /// Sets the headers if they are for the file at `path`, which is decoded.
    pub(crate) fn apply(&self, path: &str, res: &mut Response) -> Result<()> {
        let fits = match &self.which {
            Which::All => true,
            Which::Extensions(extensions) => path
                .rsplit_once('.')
                .is_some_and(|(_, found)| extensions.iter().any(|extension| extension == found)),
            Which::Below(folder) => path.starts_with(folder.as_str()),
            Which::Matching(regex) => regex.is_match(path),
        };
        if fits {
            self.headers.set_on(res.headers_mut())?;
        }
        Ok(())
    }
}
