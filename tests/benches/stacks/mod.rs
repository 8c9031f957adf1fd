//! Stacks of real plugins, built as the host builds them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use stackup::load::library::{BaseDir, LibraryCache, RuntimeDir, Trust};
use stackup::load::manifest::{self, Settings, Source};
use stackup::serve::generation::{
    BuildContext, BuiltLibraries, PluginRef, ResolveContext, build, resolve,
};
use stackup::serve::stack::{Metering, Stack};
use stackup::services::Figures;
use stackup_tests::artifacts;

/// Loads libraries for stacks, which must not outlive it.
pub(crate) struct Host {
    shelf: LibraryCache,
    resolve: ResolveContext,
    runtime: tokio::runtime::Runtime,
}

impl Host {
    /// A host that has these plugins of the workspace; paths in configs are relative to `directory`.
    pub(crate) fn new(directory: PathBuf, plugins: &[&str]) -> Self {
        let built = plugins.iter().map(|name| {
            (
                PluginRef::named(name),
                artifacts::plugin(name).to_path_buf(),
            )
        });
        let dir = RuntimeDir::create(&BaseDir::from_env()).expect("a runtime directory");
        Self {
            shelf: LibraryCache::new(dir),
            resolve: ResolveContext {
                environment: "production".to_owned(),
                directory,
                lock: None,
                tells_all_changes: false,
                kept: Vec::new(),
                instead: Vec::new(),
                trust: Trust::Owner,
                built: BuiltLibraries {
                    files: built.collect::<HashMap<_, _>>(),
                    known: Vec::new(),
                    warnings: Vec::new(),
                },
            },
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
        }
    }

    /// The stack of a manifest.
    pub(crate) fn stack(&mut self, manifest: &str) -> Stack {
        let source = Source {
            path: PathBuf::from("config.ru.toml"),
            // cargo's folders may be group-writable.
            text: format!("{manifest}\n[plugins]\ntrust = \"any\"\n"),
        };
        let settings = Settings {
            environment: "production",
            variable: &|_| None,
            embedded: None,
        };
        let parsed = manifest::parse(&source, &settings).expect("a manifest");
        let metering = parsed.manifest.metrics.map(|metrics| Metering {
            figures: Figures::default(),
            layers: metrics.layers,
        });
        let context = BuildContext {
            is_trial: false,
            observer: None,
            metering,
            environment: self.resolve.environment.clone(),
            directory: self.resolve.directory.clone(),
            runtime: self.runtime.handle().clone(),
            number: 1,
            serving: Vec::new(),
            counters: Arc::default(),
        };
        let resolved = resolve(&parsed.manifest, &self.resolve, &mut self.shelf, None);
        let resolved = resolved.expect("libraries");
        let built = build(&parsed.manifest.stack, &resolved, &context);
        built.expect("a stack").stack
    }
}
