//! The schema of a manifest.

use serde_json::{Value, json};

use crate::load::library::HandlerKind;

/// The schema without any plugins.
const MANIFEST: &str = include_str!("manifest.schema.json");

/// The plugins and handlers that a manifest can name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownPlugins {
    /// Plugin names, as suggestions. Other names are allowed, too.
    pub plugins: Vec<String>,
    /// The handlers whose schemas are known.
    pub handlers: Vec<HandlerSchema>,
}

/// A handler, and the schema of its config.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerSchema {
    /// The plugin, as a manifest names it.
    pub plugin: String,
    /// The handler's name, as the library exports it.
    pub handler: String,
    /// Whether it is for `use` or for `run`.
    pub kind: HandlerKind,
    /// Whether the plugin's name without `#handler` selects it.
    pub is_default: bool,
    /// The schema, as the plugin gives it.
    pub schema: Value,
}

/// The JSON Schema of a manifest, for editors.
///
/// Where a directive names one of these handlers, `config` has the handler's schema.
pub fn of_manifest(reach: &KnownPlugins) -> Value {
    let Ok(mut whole) = serde_json::from_str::<Value>(MANIFEST) else {
        // A test checks that it parses.
        return Value::Bool(true);
    };
    let defs = &mut whole["$defs"];
    if reach.plugins.is_empty() {
        // An empty `enum` is not a valid schema.
        defs["in_reach"] = json!({ "type": "string" });
    } else {
        defs["in_reach"]["enum"] = json!(reach.plugins);
    }
    for handler in &reach.handlers {
        let directive = match handler.kind {
            HandlerKind::Middleware => "use",
            HandlerKind::App => "run",
        };
        if let Value::Array(rules) = &mut defs[directive]["anyOf"][1]["allOf"] {
            rules.push(rule(handler));
        }
    }
    for handler in &reach.handlers {
        let name = handler.name();
        let mut schema = handler.schema.clone();
        rebase_refs(&mut schema, &format!("#/$defs/{name}"));
        if let Value::Object(schema) = &mut schema {
            schema.remove("$schema");
            // The name of the author's Rust type means nothing in a manifest.
            schema.insert(
                "title".to_owned(),
                json!(format!("config of {}", handler.shown())),
            );
        }
        defs[name] = schema;
    }
    whole
}

impl HandlerSchema {
    /// Its key in `$defs`, where no other key has a dot.
    fn name(&self) -> String {
        format!("{}.{}", self.plugin, self.handler)
    }

    /// Its full name in a manifest.
    fn shown(&self) -> String {
        format!("{}#{}", self.plugin, self.handler)
    }
}

/// Applies the handler's schema to the config of each directive that names the handler.
fn rule(handler: &HandlerSchema) -> Value {
    let mut names = vec![handler.shown()];
    if handler.is_default {
        names.insert(0, handler.plugin.clone());
    }
    let config = format!("#/$defs/{}", handler.name());
    json!({
        "if": { "properties": { "plugin": { "enum": names } }, "required": ["plugin"] },
        "then": { "properties": { "config": { "$ref": config } } },
    })
}

/// Rebases the references inside a schema to `root`.
fn rebase_refs(schema: &mut Value, root: &str) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| rebase_refs(item, root)),
        Value::Object(entries) => {
            if let Some(Value::String(reference)) = entries.get_mut("$ref")
                && let Some(place) = reference.strip_prefix('#')
            {
                *reference = format!("{root}{place}");
            }
            for (key, value) in entries {
                // These hold values, not schemas.
                if !matches!(key.as_str(), "const" | "default" | "enum" | "examples") {
                    rebase_refs(value, root);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
