//! Libraries that somebody brings about for the manifest, as by building them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::manifest::Manifest;

/// Brings the libraries of a manifest about, as by building them.
pub trait Libraries: Send {
    /// The libraries of the plugins it knows of. Without `force` what was brought for the same
    /// plugins may do. Blocks.
    ///
    /// # Errors
    ///
    /// Why they can't be built, for a person.
    fn bring(
        &mut self,
        manifest: &Manifest,
        directory: &Path,
        force: bool,
    ) -> Result<Brought, String>;
}

/// Libraries that were brought about.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Plugin name → library file.
    pub files: HashMap<String, PathBuf>,
    /// Every plugin that could be asked for, for a "did you mean".
    pub known: Vec<String>,
}
