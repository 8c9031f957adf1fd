//! The name that the compiled crate gives stackup-plugin.
//!
//! An attribute macro has no `$crate`. But it runs within rustc, whose arguments have the names of the
//! crate's dependencies: `--extern api=…/libstackup_plugin-0123.rlib`.

/// The library as rustc names it.
const LIBRARY: &str = "stackup_plugin";

/// Its name among these arguments of rustc; `stackup_plugin` unless it has exactly one other name.
pub(super) fn find(arguments: impl Iterator<Item = String>) -> String {
    let mut names = Vec::new();
    let mut is_extern = false;
    for argument in arguments {
        let value = argument.strip_prefix("--extern=");
        if let Some(value) = value.or(is_extern.then_some(&argument)) {
            names.extend(name(value).map(str::to_owned));
        }
        is_extern = argument == "--extern";
    }
    match &names[..] {
        [one] => one.clone(),
        _ => LIBRARY.to_owned(),
    }
}

/// The name in `OPTIONS:NAME=PATH`, if the path is that of stackup-plugin.
fn name(value: &str) -> Option<&str> {
    let (name, path) = value.split_once('=')?;
    let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
    let file = path.rsplit(['/', '\\']).next()?;
    let rest = file.strip_prefix("lib")?.strip_prefix(LIBRARY)?;
    rest.starts_with(['-', '.']).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(arguments: &[&str]) -> String {
        find(arguments.iter().map(ToString::to_string))
    }

    #[test]
    fn renamed_crate_is_found_by_its_file() {
        let macros = "stackup_plugin_macros=/t/libstackup_plugin_macros-1.so";
        let api = "priv,noprelude:api=/t/libstackup_plugin-1.rmeta";
        assert_eq!(
            found(&["rustc", "--extern", macros, "--extern", api]),
            "api"
        );
        assert_eq!(found(&["--extern=api=libstackup_plugin.rlib"]), "api");
    }

    #[test]
    fn plain_or_ambiguous_name_is_the_default() {
        let plain = "stackup_plugin=/t/libstackup_plugin-1.rlib";
        assert_eq!(found(&["rustc", "--extern", plain]), LIBRARY);
        assert_eq!(found(&["rustc", "@arguments"]), LIBRARY);
        let other = "other=/t/libstackup_plugin-2.rlib";
        assert_eq!(found(&["--extern", plain, "--extern", other]), LIBRARY);
    }
}
