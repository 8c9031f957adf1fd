//! Where what is made takes `stackup-plugin` from.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Value};

use super::NewError;

/// The crate as a dependency: that of the checkout which this program was built from, as long as it is there;
/// else the one of this version. `asked` takes the place of both.
pub(super) fn dependency(asked: Option<&Path>) -> Result<Value, NewError> {
    let Some(folder) = place(asked)? else {
        return Ok(env!("CARGO_PKG_VERSION").into());
    };
    let Some(path) = folder.to_str() else {
        return Err(NewError::NotText(folder));
    };
    Ok(InlineTable::from_iter([("path", path)]).into())
}

fn place(asked: Option<&Path>) -> Result<Option<PathBuf>, NewError> {
    if let Some(asked) = asked {
        let folder = fs::canonicalize(asked).ok().filter(|path| is_api(path));
        let none = || NewError::NoApi(asked.to_path_buf());
        return folder.ok_or_else(none).map(Some);
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api");
    Ok(fs::canonicalize(beside).ok().filter(|path| is_api(path)))
}

fn is_api(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join("Cargo.toml"));
    let document = text.ok().and_then(|text| text.parse::<DocumentMut>().ok());
    let name = document.and_then(|document| {
        let name = document.get("package")?.get("name")?.as_str()?;
        Some(name.to_owned())
    });
    name.as_deref() == Some("stackup-plugin")
}
