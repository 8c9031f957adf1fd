//! The `#[config]` attribute of stackup-plugin.

use proc_macro::{TokenStream, TokenTree};

mod crate_name;

/// Makes a struct the config of a handler.
///
/// It derives `Deserialize` and `JsonSchema` and rejects unknown keys, so that a typo in the manifest is an
/// error with its line. The plugin needs neither `serde` nor `schemars` in its Cargo.toml.
///
/// A crate that renames stackup-plugin in its Cargo.toml, as in `api = { package = "stackup-plugin", … }`,
/// writes `#[api::config]`. If the macro does not find the new name, which can happen in an editor, or if
/// another crate re-exports stackup-plugin, give the path: `#[api::config(crate = "api")]`.
///
/// Do not shadow primitive types (`str`, `u8`, `bool`) or, for fields with defaults, `Some` in the module of
/// a config: the derives of serde and schemars use these names as they find them.
#[proc_macro_attribute]
pub fn config(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let path = match path(arguments) {
        Ok(path) => path,
        Err(message) => return error(message),
    };
    // These work without the prelude as well. The derive of schemars calls methods of these traits.
    let attributes = format!(
        r#"
        #[allow(unused_imports)]
        use {path}::__private::core::{{convert::From as _, convert::Into as _, default::Default as _}};
        #[{path}::__private::core::prelude::v1::derive({path}::serde::Deserialize, {path}::schemars::JsonSchema)]
        #[serde(crate = "{path}::serde", deny_unknown_fields)]
        #[schemars(crate = "{path}::schemars")]
        "#
    );
    let Ok(mut output) = attributes.parse::<TokenStream>() else {
        return error(&format!("`{path}` is not a path"));
    };
    output.extend(item);
    output
}

const ARGUMENT: &str =
    "the only argument of `#[config]` is the path of stackup-plugin: `#[config(crate = \"api\")]`";

const NO_DEPENDENCY: &str = "stackup-plugin is not a dependency of this crate\n\
    help: if another crate re-exports it, give its path: `#[config(crate = \"other::stackup_plugin\")]`";

/// The path of stackup-plugin in the crate that uses the attribute.
fn path(arguments: TokenStream) -> Result<String, &'static str> {
    let arguments: Vec<TokenTree> = arguments.into_iter().collect();
    match &arguments[..] {
        [] => crate_name::find(std::env::args())
            .map(|name| format!("::{name}"))
            .ok_or(NO_DEPENDENCY),
        [
            TokenTree::Ident(key),
            TokenTree::Punct(equals),
            TokenTree::Literal(path),
        ] if key.to_string() == "crate" && equals.as_char() == '=' => {
            let text = path.to_string();
            let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
            text.map(str::to_owned).ok_or(ARGUMENT)
        }
        _ => Err(ARGUMENT),
    }
}

fn error(message: &str) -> TokenStream {
    format!("::core::compile_error!({message:?});")
        .parse()
        .unwrap_or_default()
}
