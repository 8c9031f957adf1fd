//! Finds the library file of a plugin.

use std::path::{Path, PathBuf};

/// No folder has the plugin's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no library `{file}` in {}", list(.searched))]
pub struct NotFound {
    /// The file's name.
    pub file: String,
    /// The folders searched, in order.
    pub searched: Vec<PathBuf>,
}

fn list(paths: &[PathBuf]) -> String {
    let quoted: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    if quoted.is_empty() {
        "an empty search path".to_owned()
    } else {
        quoted.join(", ")
    }
}

/// The name that cargo gives a plugin's file: `pig-latin` → `libpig_latin.so`.
pub fn file_name(plugin: &str) -> String {
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    format!("{prefix}{}{suffix}", plugin.replace('-', "_"))
}

/// Finds the plugin's file in the first of `folders` that has it.
///
/// # Errors
///
/// [`NotFound`], with every folder that was searched.
pub fn locate(plugin: &str, folders: &[PathBuf]) -> Result<PathBuf, NotFound> {
    let file = file_name(plugin);
    let found = folders
        .iter()
        .map(|folder| folder.join(&file))
        .find(|path| Path::exists(path));
    found.ok_or_else(|| NotFound {
        file,
        searched: folders.to_vec(),
    })
}

/// The plugins whose files are in `folders`, as a manifest names them.
pub fn plugins_in(folders: &[PathBuf]) -> Vec<String> {
    let entries = folders
        .iter()
        .flat_map(std::fs::read_dir)
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let name = file.strip_prefix(std::env::consts::DLL_PREFIX)?;
            Some(
                name.strip_suffix(std::env::consts::DLL_SUFFIX)?
                    .replace('_', "-"),
            )
        })
        .collect()
}
