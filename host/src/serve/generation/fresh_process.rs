//! Libraries whose new code a process loads only if it has no older copy of them.

use std::collections::BTreeMap;
use std::path::Path;

use super::refusal::Stage;
use super::select::{FoundLibraries, ResolveError, SelectedHandler};
use crate::load::library::{Embedded, LibraryCache};
use crate::load::manifest::{Diagnostic, ReloadWay};

/// Checks that no library to load is a second copy of one that must be in a process once.
///
/// # Errors
///
/// Those that are, at the stage [`Stage::Renew`].
pub(super) fn check(
    selected: &[SelectedHandler<'_>],
    found: &FoundLibraries,
    shelf: &LibraryCache,
) -> Result<(), ResolveError> {
    let mut diagnostics = Vec::new();
    for (file, library) in found {
        let metadata = library.metadata();
        let first = selected.iter().find(|handler| handler.file == *file);
        let (Some(first), Some(why)) = (first, why(selected, file, metadata.embedded)) else {
            continue;
        };
        if library.is_new() && shelf.has_copy(&metadata.name) {
            let message = format!("new code of `{}`{why}", first.directive.plugin);
            diagnostics.push(Diagnostic::error(first.directive.name_span(), message));
        }
    }
    match diagnostics.is_empty() {
        true => Ok(()),
        false => Err(ResolveError {
            stage: Stage::Renew,
            diagnostics,
        }),
    }
}

/// Why new code of the library in `file` needs a fresh process, if it does, as a clause. One directive that asks for it is enough.
fn why(
    selected: &[SelectedHandler<'_>],
    file: &Path,
    embedded: Option<Embedded>,
) -> Option<String> {
    let handlers = selected.iter().filter(|handler| handler.file == file);
    let mut ways = handlers.map(|handler| handler.directive.reload);
    if ways.clone().any(|way| way == Some(ReloadWay::Renew)) {
        return Some(", as `reload = \"renew\"` asks".to_owned());
    }
    let engine = embedded.filter(|_| ways.all(|way| way.is_none()))?;
    Some(format!(", which contains {engine}"))
}

/// Warns of different plugins that bring the same database engine: they must not open the same file.
pub(super) fn shared_engines(
    selected: &[SelectedHandler<'_>],
    found: &FoundLibraries,
) -> Vec<Diagnostic> {
    let mut first: BTreeMap<String, (&Path, &str)> = BTreeMap::new();
    let mut warnings = Vec::new();
    for handler in selected {
        let library = found.get(&handler.file);
        let Some(engine) = library.and_then(|library| library.metadata().embedded) else {
            continue;
        };
        let name = handler.directive.plugin.as_str();
        let (file, other) = *first
            .entry(engine.to_string())
            .or_insert((&handler.file, name));
        if file != handler.file && !warnings.iter().any(|(warned, _)| *warned == &handler.file) {
            let message = format!("`{other}` and `{name}` both contain {engine}");
            let warning = Diagnostic::warning(handler.directive.name_span(), message)
                .label("a second copy of it in one process")
                .help(
                    "do not open the same database in both: when one closes it, the locks of the other are gone, \
                     and data with them (docs/one-process.md)",
                );
            warnings.push((&handler.file, warning));
        }
    }
    warnings.into_iter().map(|(_, warning)| warning).collect()
}
