//! One rule.

use regex::Regex;
use stackup_plugin::path::canonical;
use stackup_plugin::{Error, Method, Request, Result, StatusCode, Uri};

use crate::config::RuleConfig;
use crate::template::Template;

/// A rule, parsed.
pub(crate) struct Rule {
    from: Regex,
    path: Template,
    query: Option<Template>,
    methods: Vec<Method>,
    hosts: Vec<String>,
    redirect: Option<StatusCode>,
    pub(crate) is_last: bool,
}

/// The outcome of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Rewrite { path: String, query: Option<String> },
    Redirect(StatusCode, String),
}

impl Rule {
    pub(crate) fn new(index: usize, config: RuleConfig) -> Result<Self> {
        let refuse =
            |key: &str, message: String| Error::config(format!("rules[{index}].{key}"), message);
        let from = Regex::new(&config.from).map_err(|error| refuse("from", error.to_string()))?;
        if let Some((found, canonical)) = foreign_spelling(&config.from) {
            let message = format!(
                "{found:?} occurs in no path: paths are in canonical form; write {canonical:?}"
            );
            return Err(refuse("from", message));
        }
        let (path, query) = match config.to.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (config.to.as_str(), None),
        };
        let template =
            |text: &str| Template::new(text, &from).map_err(|message| refuse("to", message));
        let path = template(path)?;
        let redirect = match config.redirect {
            None => None,
            Some(status @ (301 | 302 | 303 | 307 | 308)) => Some(StatusCode::from_u16(status)?),
            Some(other) => {
                let message = format!("{other} is not a redirect; use 301, 302, 303, 307 or 308");
                return Err(refuse("redirect", message));
            }
        };
        if !has_fixed_server(path.beginning(), redirect.is_some()) {
            let message = match redirect {
                None => "a path must begin with `/`, not with a group",
                Some(_) => {
                    "expected `/`, or `https://` with the whole host, before the first group: otherwise the client could choose the server"
                }
            };
            return Err(refuse("to", message.to_owned()));
        }
        if !is_valid_target(&config.to, redirect.is_some()) {
            let message = format!(
                "{:?} contains a character that is not valid in a URL",
                config.to
            );
            return Err(refuse("to", message));
        }
        let methods = config.methods.iter().enumerate().map(|(at, method)| {
            let upper = method.to_ascii_uppercase();
            let refuse = |_| {
                refuse(
                    &format!("methods[{at}]"),
                    format!("{method:?} is not a method"),
                )
            };
            Method::from_bytes(upper.as_bytes()).map_err(refuse)
        });
        Ok(Self {
            query: query.map(template).transpose()?,
            methods: methods.collect::<Result<_>>()?,
            hosts: config.hosts,
            is_last: config.last,
            from,
            path,
            redirect,
        })
    }

    /// Applies the rule; none if it does not match.
    pub(crate) fn apply(&self, req: &Request) -> Option<Outcome> {
        let for_method = self.methods.is_empty() || self.methods.contains(&req.method());
        if !for_method || !self.is_for_host(req) {
            return None;
        }
        let captures = self.from.captures(req.path_info())?;
        let path = one_slash(&self.path.fill(&captures, str::to_owned));
        let query = self
            .query
            .as_ref()
            .map(|query| query.fill(&captures, in_query));
        let Some(status) = self.redirect else {
            return Some(Outcome::Rewrite { path, query });
        };
        let query = match query.as_deref().unwrap_or_else(|| req.query()) {
            "" => String::new(),
            query => format!("?{query}"),
        };
        Some(Outcome::Redirect(status, path + &query))
    }

    fn is_for_host(&self, req: &Request) -> bool {
        if self.hosts.is_empty() {
            return true;
        }
        let asked = req.env().get("SERVER_NAME");
        asked.is_some_and(|asked| {
            self.hosts
                .iter()
                .any(|host| host.eq_ignore_ascii_case(&asked))
        })
    }
}

/// What an expression looks for that no canonical path has, and how it is spelled there.
fn foreign_spelling(from: &str) -> Option<(&str, String)> {
    let escapes = from.match_indices('%').filter_map(|(at, _)| {
        let escape = from.get(at..at + 3)?;
        let digits = escape[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then_some(escape)
    });
    let raw = from.char_indices().filter(|(_, c)| !c.is_ascii());
    let raw = raw.map(|(at, c)| &from[at..at + c.len_utf8()]);
    escapes.chain(raw).find_map(|found| {
        let path = canonical(&format!("/x{found}")).ok()?[2..].to_owned();
        (path != found).then_some((found, path))
    })
}

/// Whether a target with this beginning is a path, or on a server that no group can change.
fn has_fixed_server(beginning: &str, may_leave: bool) -> bool {
    let uri = || beginning.parse::<Uri>().ok();
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| beginning.strip_prefix(scheme));
    match rest {
        // The host ends before the first group.
        Some(rest) => {
            may_leave && rest.contains('/') && uri().is_some_and(|uri| uri.host().is_some())
        }
        None => beginning.starts_with('/'),
    }
}

/// Whether this is valid in a URL. Only a redirect may have a fragment.
fn is_valid_target(to: &str, may_leave: bool) -> bool {
    let (rest, fragment) = to
        .split_once('#')
        .map_or((to, None), |(rest, end)| (rest, Some(end)));
    let visible = to.bytes().all(|byte| byte.is_ascii_graphic());
    visible && rest.parse::<Uri>().is_ok() && (may_leave || fragment.is_none())
}

/// Reduces slashes and backslashes at the beginning to one slash: in a redirect, two would be another server.
fn one_slash(path: &str) -> String {
    match path.strip_prefix('/') {
        Some(rest) => format!("/{}", rest.trim_start_matches(['/', '\\'])),
        None => path.to_owned(),
    }
}

/// Encodes a group of the path for the query, where `&`, `=` and others would start another parameter. `%` stays, since
/// the path is already encoded.
fn in_query(group: &str) -> String {
    let mut encoded = String::with_capacity(group.len());
    for c in group.chars() {
        match c {
            '&' => encoded.push_str("%26"),
            '=' => encoded.push_str("%3D"),
            '+' => encoded.push_str("%2B"),
            ';' => encoded.push_str("%3B"),
            c => encoded.push(c),
        }
    }
    encoded
}
