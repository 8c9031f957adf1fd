//! `stackup new site`: a workspace with a manifest, an app and a middleware.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::files::{create, fill};
use super::{NewError, dependency, name};

/// A created site.
#[derive(Debug)]
pub struct NewSite {
    folder: PathBuf,
    /// The folder of `stackup-plugin` on this machine, if the site depends on that.
    plugin_api: Option<String>,
}

/// Creates a site in `folder`, which gives it its name. `plugin_api` overrides the folder of the crate
/// `stackup-plugin`.
///
/// # Errors
///
/// See [`NewError`].
pub fn site(folder: &Path, plugin_api: Option<&Path>) -> Result<NewSite, NewError> {
    let named = folder.file_name().and_then(OsStr::to_str);
    let named = named.map_or_else(|| folder.display().to_string(), str::to_owned);
    name::check(&named, "site")?;
    let dependency = dependency::dependency(plugin_api)?;
    let plugin_api = dependency
        .as_inline_table()
        .and_then(|table| table.get("path"));
    let plugin_api = plugin_api.and_then(|path| path.as_str()).map(str::to_owned);
    let dependency = dependency.to_string();
    let note = match plugin_api {
        Some(_) => {
            "# This path exists on this machine only. For others, name a version of stackup-plugin or its git repository.\n"
        }
        None => "",
    };
    let values = [
        ("name", named.as_str()),
        ("dependency", dependency.trim()),
        ("note", note),
    ];
    macro_rules! file {
        ($place:literal, $template:literal) => {
            (
                $place,
                fill(include_str!(concat!("site/", $template)), &values),
            )
        };
    }
    let files = [
        file!("Cargo.toml", "Cargo.toml.in"),
        file!(".gitignore", "gitignore.in"),
        file!("README.md", "README.md.in"),
        file!("config.ru.toml", "config.ru.toml"),
        file!("plugins/hello/Cargo.toml", "hello.toml.in"),
        file!("plugins/hello/src/lib.rs", "hello.rs"),
        file!("plugins/logger/Cargo.toml", "logger.toml.in"),
        file!("plugins/logger/src/lib.rs", "logger.rs"),
    ];
    create(folder, &files)?;
    Ok(NewSite {
        folder: folder.to_path_buf(),
        plugin_api,
    })
}

/// Says what to do next.
impl fmt::Display for NewSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        write!(
            f,
            "created the site `{folder}`\n\n  \
             cd {folder}\n  \
             stackup\n\n\
             builds it and serves it on http://127.0.0.1:9292; its README.md says what to try next"
        )?;
        if let Some(path) = &self.plugin_api {
            write!(
                f,
                "\n\nnote: {folder}/Cargo.toml takes stackup-plugin from {path}, which exists on this machine only\n\
                 help: before others build the site, name a version of stackup-plugin or its git repository there"
            )?;
        }
        Ok(())
    }
}
