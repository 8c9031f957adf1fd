//! `only` and `except`: the environments in which a directive or a map applies.

use super::Reader;
use super::strings::{self, Item};
use super::table::{Entry, Table};
use crate::load::manifest::words::{nearest, quoted};
use crate::load::manifest::{Diagnostic, Span};

/// Common names, to detect typos.
const CUSTOMARY: [&str; 4] = ["development", "production", "staging", "test"];

/// The environments in which something applies.
#[derive(Clone, Debug, Default)]
pub(super) enum Environments {
    #[default]
    All,
    Only(Vec<String>, Span),
    Except(Vec<String>, Span),
}

impl Environments {
    pub(super) fn include(&self, environment: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == environment);
        match self {
            Self::All => true,
            Self::Only(names, _) => named(names),
            Self::Except(names, _) => !named(names),
        }
    }

    /// Whether both apply in some environment.
    pub(super) fn overlap(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Only(names, _), other) | (other, Self::Only(names, _)) => {
                names.iter().any(|name| other.include(name))
            }
            // There is always one more environment than those excluded.
            _ => true,
        }
    }

    /// The list as written.
    pub(super) fn span(&self) -> Option<Span> {
        match self {
            Self::All => None,
            Self::Only(_, span) | Self::Except(_, span) => Some(span.clone()),
        }
    }
}

/// Reads `only` and `except` of a directive or map.
pub(super) fn take(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Environments {
    let (only, except) = (table.take("only"), table.take("except"));
    if let (Some(only), Some(except)) = (&only, &except) {
        reader.report(
            Diagnostic::error(
                except.key.clone(),
                "`only` and `except` cannot be used together",
            )
            .label("conflicts with `only`")
            .also(only.key.clone(), "`only` is here")
            .help("keep `only` to list where it applies, or `except` to list where it does not"),
        );
    }
    let only = only.and_then(|entry| names(reader, &entry, "only"));
    let except = except.and_then(|entry| names(reader, &entry, "except"));
    match (only, except) {
        (Some((names, span)), _) => Environments::Only(names, span),
        (None, Some((names, span))) => Environments::Except(names, span),
        (None, None) => Environments::All,
    }
}

fn names(reader: &mut Reader<'_>, entry: &Entry<'_>, key: &str) -> Option<(Vec<String>, Span)> {
    let items = strings::one_or_list(reader, entry, &format!("`{key}`"), "environments")?;
    let span = entry.value.span();
    let written = entry
        .value
        .get_ref()
        .as_array()
        .map_or(1, |array| array.len());
    let mut all_known = items.len() == written;
    if entry
        .value
        .get_ref()
        .as_array()
        .is_some_and(|array| array.is_empty())
    {
        reader.report(match key {
            "only" => Diagnostic::error(span.clone(), "`only` is empty, so this never applies")
                .label("no environment")
                .help("name an environment, or remove what never applies"),
            _ => Diagnostic::warning(span.clone(), "`except` is empty, so it has no effect")
                .label("no environment")
                .help("name an environment, or remove it"),
        });
        return None;
    }
    let mut seen: Vec<Item> = Vec::new();
    for item in items {
        if item.text.is_empty() || item.text.contains(char::is_whitespace) {
            let message = format!("{} is not an environment name", quoted(&item.text));
            reader.report(
                Diagnostic::error(item.span, message)
                    .label("expected a single word")
                    .help("write a name such as \"production\""),
            );
            all_known = false;
            continue;
        }
        if let Some(first) = seen.iter().find(|other| other.text == item.text) {
            let message = format!("`{}` is listed twice in `{key}`", item.text);
            reader.report(
                Diagnostic::warning(item.span, message)
                    .label("no effect")
                    .also(first.span.clone(), "first here")
                    .help("remove one of them"),
            );
            continue;
        }
        warn_if_misspelt(reader, &item);
        seen.push(item);
    }
    // An invalid name leaves open where this applies: check it as if everywhere.
    all_known.then(|| (seen.into_iter().map(|item| item.text).collect(), span))
}

/// A misspelt environment would disable a middleware silently.
fn warn_if_misspelt(reader: &mut Reader<'_>, item: &Item) {
    let current = reader.settings.environment;
    if item.text == current || CUSTOMARY.contains(&item.text.as_str()) {
        return;
    }
    if let Some(meant) = nearest(&item.text, CUSTOMARY.into_iter().chain([current])) {
        let message = format!("the environment `{}` looks misspelt", item.text);
        reader.report(
            Diagnostic::warning(item.span.clone(), message)
                .label(format!("did you mean \"{meant}\"?"))
                .note(format!("the current environment is \"{current}\"")),
        );
    }
}
