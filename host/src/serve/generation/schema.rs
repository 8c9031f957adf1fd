//! The JSON schema of the manifest, including the config schemas of its plugins.

use std::sync::Arc;

use serde_json::Value;

use super::find::folders;
use super::refusal::{Refusal, task_failed};
use super::reload::Reloader;
use super::resolve_context::ResolveContext;
use crate::load::library::{Library, plugins_in};
use crate::load::manifest::Manifest;
use crate::load::schema::{HandlerSchema, KnownPlugins, of_config, of_manifest};

/// A library, by the name of its plugin in the manifest.
type Named = (String, Arc<Library>);

impl Reloader {
    /// The schema of the manifest as it is now. Loads its libraries, but builds no handler.
    ///
    /// # Errors
    ///
    /// What is wrong with the manifest or a library.
    pub async fn schema(&mut self) -> Result<Value, Refusal> {
        let (source, manifest) = self.read_and_build().await?;
        let resolved = self.loader.resolve(&manifest, &source, true).await?;
        let handlers = resolved.handlers.into_iter();
        let named = handlers.map(|handler| (handler.plugin, handler.library));
        query(named.collect(), manifest, self.loader.context.clone()).await
    }

    /// The schema of the active manifest, once a reload has succeeded.
    pub async fn active_schema(&self) -> Option<Value> {
        let serving = self.generations.serving.as_ref()?;
        let instances = serving.resources.instances.iter();
        let named = instances.map(|instance| {
            let plugin = instance.key.name.split('#').next().unwrap_or_default();
            (plugin.to_owned(), Arc::clone(&instance.library))
        });
        let manifest = serving.manifest.clone();
        query(named.collect(), manifest, self.loader.context.clone())
            .await
            .ok()
    }
}

/// Queries the libraries, which runs plugins' code and may block.
async fn query(
    named: Vec<Named>,
    manifest: Manifest,
    context: ResolveContext,
) -> Result<Value, Refusal> {
    let schema = tokio::task::spawn_blocking(move || {
        of_manifest(&known_plugins(&named, &manifest, &context))
    });
    schema.await.map_err(|error| task_failed(&error))
}

fn known_plugins(named: &[Named], manifest: &Manifest, context: &ResolveContext) -> KnownPlugins {
    let mut plugins = context.built.known.clone();
    plugins.extend(plugins_in(&folders(manifest, context)));
    plugins.extend(named.iter().map(|(plugin, _)| plugin.clone()));
    plugins.sort();
    plugins.dedup();
    let mut handlers: Vec<HandlerSchema> = Vec::new();
    for (plugin, library) in named {
        for handler in &library.metadata.handlers {
            let known =
                |other: &HandlerSchema| other.plugin == *plugin && other.handler == handler.name;
            let text = library.plugin.schema(&handler.name).unwrap_or_default();
            // A handler without a schema is listed all the same.
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
