//! The name that the compiled crate gives stackup-plugin.
//!
//! An attribute macro has no `$crate`. But it runs within rustc, whose arguments have the names of the
//! crate's dependencies: `--extern api=…/libstackup_plugin-0123.rlib`.

/// The library as rustc names it.
const LIBRARY: &str = "stackup_plugin";

/// Its name among these arguments of rustc. `None` if they name dependencies, but not this one.
///
/// It is the default name if it has several, or if these are not rustc's arguments, as in an editor.
pub(super) fn find(arguments: impl Iterator<Item = String>) -> Option<String> {
    let mut names = Vec::new();
    let mut has_dependencies = false;
    let mut is_extern = false;
    for argument in arguments {
        let value = argument.strip_prefix("--extern=");
        if let Some(value) = value.or(is_extern.then_some(&argument)) {
            has_dependencies = true;
            names.extend(name(value).map(str::to_owned));
        }
        is_extern = argument == "--extern";
    }
    match &names[..] {
        [] if has_dependencies => None,
        [one] => Some(one.clone()),
        _ => Some(LIBRARY.to_owned()),
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

    fn found(arguments: &[&str]) -> Option<String> {
        find(arguments.iter().map(ToString::to_string))
    }

    #[test]
    fn renamed_crate_is_found_by_its_file() {
        let macros = "stackup_plugin_macros=/t/libstackup_plugin_macros-1.so";
        let api = "priv,noprelude:api=/t/libstackup_plugin-1.rmeta";
        let both = ["rustc", "--extern", macros, "--extern", api];
        assert_eq!(found(&both).as_deref(), Some("api"));
        let joined = ["--extern=api=libstackup_plugin.rlib"];
        assert_eq!(found(&joined).as_deref(), Some("api"));
    }

    #[test]
    fn unknown_arguments_and_several_names_give_the_default() {
        let plain = "stackup_plugin=/t/libstackup_plugin-1.rlib";
        let other = "other=/t/libstackup_plugin-2.rlib";
        let several = ["--extern", plain, "--extern", other];
        for arguments in [
            &["rustc", "--extern", plain],
            &["rustc", "@file", "x"][..],
            &several,
        ] {
            assert_eq!(found(arguments).as_deref(), Some(LIBRARY));
        }
    }

    #[test]
    fn missing_dependency_is_none() {
        assert_eq!(found(&["--extern", "common=/t/libcommon-1.rlib"]), None);
    }
}
