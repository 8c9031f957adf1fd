//! The `#[config]` attribute of stackup-plugin.

use proc_macro::TokenStream;

/// Makes a struct the config of a handler.
///
/// It derives `Deserialize` and `JsonSchema` and rejects unknown keys, so that a typo in the manifest is an
/// error with its line. The plugin needs neither `serde` nor `schemars` in its Cargo.toml.
#[proc_macro_attribute]
pub fn config(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        return error("`#[config]` takes no arguments");
    }
    let attributes = r#"
        #[derive(::stackup_plugin::serde::Deserialize, ::stackup_plugin::schemars::JsonSchema)]
        #[serde(crate = "::stackup_plugin::serde", deny_unknown_fields)]
        #[schemars(crate = "::stackup_plugin::schemars")]
    "#;
    let Ok(mut output) = attributes.parse::<TokenStream>() else {
        return error("internal error: `#[config]` cannot parse its own derives");
    };
    output.extend(item);
    output
}

fn error(message: &str) -> TokenStream {
    format!("compile_error!({message:?});")
        .parse()
        .unwrap_or_default()
}
