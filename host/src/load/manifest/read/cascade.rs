//! `cascade`: stacks that are tried in turn.

use toml::de::DeValue;

use super::directive;
use super::environments::{self, Environments};
use super::level::{self, Enclosing};
use super::table::{Entry, Kind, Table};
use super::{Node, Reader, unreachable};
use crate::load::manifest::{CascadeBranch, Diagnostic, Level, Role, Span};

/// The default of `Rack::Cascade`.
const CATCH: [u16; 2] = [404, 405];

/// A branch as read, whether or not it applies in this environment.
struct ReadBranch {
    tried: CascadeBranch,
    environments: Environments,
    /// Where `catch` is written, if it is.
    catch: Option<Span>,
}

pub(super) fn cascade(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    around: &Enclosing,
) -> Option<Vec<CascadeBranch>> {
    let expected = "a list of plugin names or tables";
    let DeValue::Array(items) = entry.value.get_ref() else {
        let raw = reader.text.get(entry.value.span()).unwrap_or_default();
        let help = match raw.strip_prefix('[').and_then(|raw| raw.strip_suffix(']')) {
            Some(header) => format!("write `[[{header}]]`, one for each stack"),
            None => format!("write `cascade = [{raw}]`"),
        };
        reader.mismatch(entry.value, "`cascade`", expected, Some(help));
        return None;
    };
    if items.is_empty() {
        let warning = Diagnostic::warning(entry.value.span(), "`cascade` is empty")
            .label("every request that gets here is answered with 404")
            .help("list the apps to try");
        reader.report(warning);
    }
    let inner = Enclosing {
        in_map: true,
        in_cascade: true,
        below_cascade: true,
        ..around.clone()
    };
    let all: Vec<ReadBranch> = items
        .iter()
        .filter_map(|item| one(reader, item, &inner))
        .collect();
    warn_of_unreachable_branches(reader, &all);
    let environment = reader.settings.environment;
    let here = all
        .into_iter()
        .filter(|read| read.environments.include(environment));
    Some(here.map(|read| read.tried).collect())
}

fn one(reader: &mut Reader<'_>, node: Node<'_>, around: &Enclosing) -> Option<ReadBranch> {
    let span = node.span();
    let entries = match node.get_ref() {
        DeValue::Table(entries) => entries,
        DeValue::String(_) => {
            let run = directive::directive(reader, node, Role::Run)?.directive;
            let level = Level {
                run,
                ..Level::default()
            };
            return Some(ReadBranch {
                tried: CascadeBranch {
                    catch: CATCH.into(),
                    span,
                    level,
                },
                environments: Environments::All,
                catch: None,
            });
        }
        _ => {
            let help = "write \"name\", or a table such as { run = \"name\" }".to_owned();
            let expected = "a plugin name or a table";
            reader.mismatch(node, "each entry of `cascade`", expected, Some(help));
            return None;
        }
    };
    let mut table = Table::new(entries, span.clone(), Kind::CascadeBranch);
    let catch = table.take("catch");
    let place = catch.as_ref().map(|entry| entry.value.span());
    let environments = environments::take(reader, &mut table);
    unreachable::environments(reader, &environments, around, "this cascade branch");
    let active = environments.include(reader.settings.environment);
    let tried = reader.part(active, |reader| {
        let mut inner = around.clone();
        inner.environments.push(environments.clone());
        let catch = catch.and_then(|entry| statuses(reader, &entry));
        CascadeBranch {
            catch: catch.unwrap_or_else(|| CATCH.into()),
            span,
            level: level::level(reader, &mut table, &inner),
        }
    });
    table.finish(reader);
    Some(ReadBranch {
        tried,
        environments,
        catch: place,
    })
}

/// `None` if any status is invalid, so that the rest of the list causes no follow-up errors.
fn statuses(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Vec<u16>> {
    let expected = "a list of statuses";
    let DeValue::Array(items) = entry.value.get_ref() else {
        let raw = reader.text.get(entry.value.span()).unwrap_or_default();
        let help = matches!(entry.value.get_ref(), DeValue::Integer(_))
            .then(|| format!("write `catch = [{raw}]`"));
        reader.mismatch(entry.value, "`catch`", expected, help);
        return None;
    };
    let all: Vec<_> = items.iter().map(|item| status(reader, item)).collect();
    all.into_iter().collect()
}

fn status(reader: &mut Reader<'_>, node: Node<'_>) -> Option<u16> {
    let DeValue::Integer(integer) = node.get_ref() else {
        reader.mismatch(node, "each entry of `catch`", "a status", None);
        return None;
    };
    let status = u16::from_str_radix(integer.as_str(), integer.radix()).ok();
    let status = status.filter(|status| (200..=599).contains(status));
    if status.is_none() {
        let message = format!("`{}` is not a response status", integer.as_str());
        reader.report(Diagnostic::error(node.span(), message).label("allowed: 200 to 599"));
    }
    status
}

/// Reports a `catch` on the last branch, and branches after one that catches nothing.
fn warn_of_unreachable_branches(reader: &mut Reader<'_>, all: &[ReadBranch]) {
    let Some((last, before)) = all.split_last() else {
        return;
    };
    if let Some(place) = &last.catch {
        let warning = Diagnostic::warning(place.clone(), "this `catch` has no effect")
            .label("no branch follows this one")
            .help("remove it: the response of the last branch is final");
        reader.report(warning);
    }
    let ends =
        |read: &&ReadBranch| read.tried.catch.is_empty() && read.environments.span().is_none();
    if let Some((place, read)) = before.iter().find(ends).map(|read| (&read.catch, read)) {
        let place = place.clone().unwrap_or_else(|| read.tried.span.clone());
        let error = Diagnostic::error(place, "the branches after this one are unreachable")
            .label("every response of this branch is final")
            .help("list the statuses at which the next branch is tried, such as [404]");
        reader.report(error);
    }
}

/// Reports `cascade` and `run` in one level.
pub(super) fn beside_run(reader: &mut Reader<'_>, cascade: &Entry<'_>, run: &Entry<'_>) {
    let error = Diagnostic::error(
        run.key.clone(),
        "`cascade` and `run` cannot be used together",
    )
    .label("conflicts with `cascade`")
    .also(cascade.key.clone(), "`cascade` is here")
    .help("make the app of `run` the last entry of `cascade`");
    reader.report(error);
}
