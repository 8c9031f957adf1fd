//! A directory to serve from: a manifest, and plugin files beside it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::artifacts;

/// A directory with a manifest and `plugins/`, removed on drop.
#[derive(Debug)]
pub struct Site {
    directory: TempDir,
}

impl Site {
    /// A site with this manifest, and the libraries of these plugins of the workspace.
    ///
    /// # Panics
    ///
    /// If the files can't be written.
    pub fn new(manifest: &str, plugins: &[&str]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("stackup-test-")
            .tempdir()
            .expect("a temporary directory");
        let site = Self { directory };
        fs::create_dir(site.path().join("plugins")).expect("a directory for plugins");
        fs::create_dir(site.runtime()).expect("a runtime directory");
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

    /// The directory of a host's runtime files (`TMPDIR`).
    pub fn runtime(&self) -> PathBuf {
        self.path().join("runtime")
    }

    /// Replaces the manifest atomically.
    pub fn manifest(&self, text: &str) {
        self.file("config.ru.toml", text);
    }

    /// Puts the library of a plugin of this workspace under its own name.
    pub fn plugin(&self, package: &str) {
        self.library(package, &read(artifacts::plugin(package)));
    }

    /// Puts bytes where the host looks for the library of the plugin `name`.
    pub fn library(&self, name: &str, bytes: &[u8]) {
        self.file(&library_file(name), bytes);
    }

    /// Creates or replaces a file atomically.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, content).expect("the site can be written");
        fs::rename(&unfinished, &path).expect("the site can be written");
        path
    }
}

/// The path of the library of the plugin `name`, relative to its manifest.
pub fn library_file(name: &str) -> String {
    format!("plugins/lib{}.so", name.replace('-', "_"))
}

/// Reads a file.
///
/// # Panics
///
/// If it can't be read.
pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
