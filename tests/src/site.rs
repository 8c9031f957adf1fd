//! A place to serve from: a manifest, and plugin files beside it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::artifacts;

/// A directory with a manifest and `plugins/`, gone when dropped.
#[derive(Debug)]
pub struct Site {
    directory: TempDir,
}

impl Site {
    /// A site with this manifest, and the libraries of these plugins of the workspace.
    ///
    /// # Panics
    ///
    /// When the files can't be written.
    pub fn new(manifest: &str, plugins: &[&str]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("stackup-test-")
            .tempdir()
            .expect("a temporary directory");
        let site = Self { directory };
        fs::create_dir(site.path().join("plugins")).expect("a directory for plugins");
        fs::create_dir(site.runtime()).expect("a directory for what runs");
        for plugin in plugins {
            site.plugin(plugin);
        }
        site.manifest(manifest);
        site
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where a host keeps what it needs while it runs.
    pub fn runtime(&self) -> PathBuf {
        self.path().join("runtime")
    }

    /// Writes the manifest, whole from one moment to the next.
    pub fn manifest(&self, text: &str) {
        self.file("config.ru.toml", text);
    }

    /// Places the library of a plugin of the workspace under its own name.
    pub fn plugin(&self, package: &str) {
        self.library(package, &read(artifacts::plugin(package)));
    }

    /// Places any bytes where the library of the plugin `name` is looked for.
    pub fn library(&self, name: &str, bytes: &[u8]) {
        self.file(&library_file(name), bytes);
    }

    /// Places a file, whole from one moment to the next.
    ///
    /// # Panics
    ///
    /// When it can't be written.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, content).expect("the site can be written");
        fs::rename(&unfinished, &path).expect("the site can be written");
        path
    }
}

/// Where a site keeps the library of the plugin `name`, seen from its manifest.
pub fn library_file(name: &str) -> String {
    format!("plugins/lib{}.so", name.replace('-', "_"))
}

/// All of a file.
///
/// # Panics
///
/// When it can't be read.
pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
