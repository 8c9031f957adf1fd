//! The dependency on `stackup-plugin` in generated crates.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Value};

use super::NewError;
use crate::load::site_file;

/// The value of the dependency: the crate in the checkout that built this program, if it still exists, else this
/// version. `requested` overrides both.
pub(super) fn dependency(requested: Option<&Path>) -> Result<Value, NewError> {
    let Some(folder) = folder(requested)? else {
        return Ok(env!("CARGO_PKG_VERSION").into());
    };
    let Some(path) = folder.to_str() else {
        return Err(NewError::NotUtf8(folder));
    };
    Ok(InlineTable::from_iter([("path", path)]).into())
}

fn folder(requested: Option<&Path>) -> Result<Option<PathBuf>, NewError> {
    if let Some(requested) = requested {
        let folder = fs::canonicalize(requested)
            .ok()
            .filter(|path| is_plugin_api(path));
        let none = || NewError::NotPluginApi(requested.to_path_buf());
        return folder.ok_or_else(none).map(Some);
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api");
    Ok(fs::canonicalize(beside)
        .ok()
        .filter(|path| is_plugin_api(path)))
}

fn is_plugin_api(folder: &Path) -> bool {
    let text = site_file::read_to_show(&folder.join("Cargo.toml"));
    let document = text.ok().and_then(|text| text.parse::<DocumentMut>().ok());
    let name = document.and_then(|document| {
        let name = document.get("package")?.get("name")?.as_str()?;
        Some(name.to_owned())
    });
    name.as_deref() == Some("stackup-plugin")
}
