//! The schema of the manifest, with those of the configs of the plugins that it names.

use std::sync::Arc;

use serde_json::Value;

use super::find::folders;
use super::refusal::Refusal;
use super::reload::Reloader;
use super::report::ReloadMode;
use super::resolve::ResolveContext;
use super::loader::task_failed;
use crate::load::library::{Library, plugins_in};
use crate::load::manifest::Manifest;
use crate::load::schema::{HandlerSchema, KnownPlugins, of_config, of_manifest};

/// A library, by the name that a manifest has for its plugin.
type Named = (String, Arc<Library>);

impl Reloader {
    /// The schema of the manifest as it is now. Loads the libraries that it names, and builds no handler.
    ///
    /// # Errors
    ///
    /// What is wrong with the manifest or a library.
    pub async fn schema(&mut self) -> Result<Value, Refusal> {
        let source = self.read().await?;
        let manifest = self.parse(&source)?.manifest;
        self.build_all_libraries(&manifest).await?;
        let resolved = self.resolve(&manifest, &source, ReloadMode::Force).await?;
        let chosen = resolved.handlers.into_iter();
        let named = chosen.map(|chosen| (chosen.plugin, chosen.library));
        told(named.collect(), manifest, self.place.clone()).await
    }

    /// The schema of the manifest that serves, once a reload has succeeded.
    pub async fn schema_that_serves(&self) -> Option<Value> {
        let serving = self.serving.as_ref()?;
        let instances = serving.resources.instances.iter();
        let named = instances.map(|instance| {
            let plugin = instance.key.name.split('#').next().unwrap_or_default();
            (plugin.to_owned(), Arc::clone(&instance.library))
        });
        let manifest = serving.manifest.clone();
        told(named.collect(), manifest, self.place.clone())
            .await
            .ok()
    }
}

/// Asks the libraries, which is plugins' code and may block.
async fn told(
    named: Vec<Named>,
    manifest: Manifest,
    place: ResolveContext,
) -> Result<Value, Refusal> {
    let told =
        tokio::task::spawn_blocking(move || of_manifest(&in_reach(&named, &manifest, &place)));
    told.await.map_err(|error| task_failed(&error))
}

fn in_reach(named: &[Named], manifest: &Manifest, place: &ResolveContext) -> KnownPlugins {
    let mut plugins = place.built.known.clone();
    plugins.extend(plugins_in(&folders(manifest, place)));
    plugins.extend(named.iter().map(|(plugin, _)| plugin.clone()));
    plugins.sort();
    plugins.dedup();
    let mut handlers: Vec<HandlerSchema> = Vec::new();
    for (plugin, library) in named {
        for handler in &library.metadata.handlers {
            let known =
                |other: &HandlerSchema| other.plugin == *plugin && other.handler == handler.name;
            let text = library.plugin.schema(&handler.name).unwrap_or_default();
            // One that gives no schema is named all the same.
            if let Ok(schema) = of_config(&text)
                && !handlers.iter().any(known)
            {
                let default = library.metadata.choose(None, handler.kind);
                handlers.push(HandlerSchema {
                    plugin: plugin.clone(),
                    handler: handler.name.clone(),
                    kind: handler.kind,
                    is_default: default.is_ok_and(|default| default.name == handler.name),
                    schema,
                });
            }
        }
    }
    KnownPlugins { plugins, handlers }
}
