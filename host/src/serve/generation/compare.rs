//! What a reload would change, without doing it.

use std::path::{Path, PathBuf};

use super::refusal::Refusal;
use super::reload::Reloader;
use super::resolve_context::ResolveContext;
use super::select::{FoundLibraries, SelectedHandler};
use crate::load::manifest::{Directive, Manifest, Source, settings_diff};
use crate::load::snapshot::Snapshot;
use crate::serve::stack::{Outline, OutlineHandler, diff, folder_change};

/// A stack that is not loaded.
struct Described {
    /// The manifest's text.
    text: String,
    outline: Outline,
    directory: PathBuf,
}

impl Reloader {
    /// What `after` would change in the stack of `before`, one line each; without it, the stack on disk, which is built if
    /// it has crates. Runs no code of a plugin.
    ///
    /// # Errors
    ///
    /// What is wrong with the manifest or a library.
    pub async fn compare(
        &mut self,
        before: &Snapshot,
        after: Option<&Snapshot>,
    ) -> Result<Vec<String>, Refusal> {
        let before = self.describe_saved(before).await?;
        let after = match after {
            Some(after) => self.describe_saved(after).await?,
            None => self.describe_disk().await?,
        };
        let mut changes = diff(&before.outline, &after.outline);
        changes.extend(folder_change(Some(&before.directory), &after.directory));
        let mut lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
        lines.extend(settings_diff(&before.text, &after.text));
        Ok(lines)
    }

    async fn describe_saved(&mut self, snapshot: &Snapshot) -> Result<Described, Refusal> {
        let source = Source {
            path: self.loader.path.clone(),
            text: snapshot.manifest.clone(),
        };
        let manifest = self.loader.parse(&source)?.manifest;
        let mut context = self.loader.context.clone();
        context.kept.clone_from(&snapshot.libraries);
        context.lock = None;
        if let Some(directory) = &snapshot.directory {
            context.directory.clone_from(directory);
        }
        self.describe(source, manifest, context).await
    }

    async fn describe_disk(&mut self) -> Result<Described, Refusal> {
        let (source, manifest) = self.read_and_build().await?;
        self.loader.read_lock()?;
        let context = self.loader.context.clone();
        self.describe(source, manifest, context).await
    }

    async fn describe(
        &self,
        source: Source,
        manifest: Manifest,
        context: ResolveContext,
    ) -> Result<Described, Refusal> {
        let directory = context.directory.clone();
        let outline = self.loader.describe(manifest, &source, context, outline);
        Ok(Described {
            outline: outline.await?,
            text: source.text,
            directory,
        })
    }
}

fn outline(
    manifest: &Manifest,
    selected: Vec<SelectedHandler<'_>>,
    found: &FoundLibraries,
) -> Outline {
    let mut handlers = selected.into_iter();
    Outline::of(&manifest.stack, &mut |directive| {
        let handler = handlers.next();
        let (name, file) = handler.map(|one| (one.name, one.file)).unwrap_or_default();
        handler_of(directive, name, found, &file)
    })
}

fn handler_of(
    directive: &Directive,
    name: String,
    found: &FoundLibraries,
    file: &Path,
) -> OutlineHandler {
    let library = found.get(file);
    let version = library.map(|library| library.metadata().version.clone());
    let fingerprint = library.map(|library| library.fingerprint().short());
    OutlineHandler {
        name,
        version: version.unwrap_or_default(),
        fingerprint: fingerprint.unwrap_or_default(),
        config: directive.config.clone(),
        shown: serde_json::Map::new(),
        on_failure: directive.on_failure,
    }
}
