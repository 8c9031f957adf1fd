use super::*;

fn handler(plugin: &str, handler: &str, kind: HandlerKind, schema: Value) -> HandlerSchema {
    HandlerSchema {
        plugin: plugin.to_owned(),
        handler: handler.to_owned(),
        kind,
        is_default: plugin == handler,
        schema,
    }
}

fn schema() -> Value {
    let numbers = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": { "count": { "$ref": "#/$defs/Count" }, "inner": { "$ref": "#" } },
        "additionalProperties": false,
        "$defs": { "Count": { "type": "integer" } },
    });
    let words = json!({ "type": "object", "properties": { "word": { "type": "string" } } });
    of_manifest(&KnownPlugins {
        plugins: vec!["counter".to_owned(), "other".to_owned()],
        handlers: vec![
            handler("counter", "counter", HandlerKind::Middleware, numbers),
            handler("counter", "words", HandlerKind::Middleware, words.clone()),
            handler("counter", "app", HandlerKind::App, words),
        ],
    })
}

fn fits(manifest: &Value) -> bool {
    jsonschema::draft202012::new(&schema())
        .unwrap()
        .is_valid(manifest)
}

#[test]
fn manifest_schema_is_valid() {
    for reach in [
        KnownPlugins::default(),
        KnownPlugins {
            plugins: vec!["a".into()],
            handlers: Vec::new(),
        },
    ] {
        let schema = of_manifest(&reach);
        assert!(jsonschema::meta::is_valid(&schema));
        assert!(jsonschema::draft202012::new(&schema).is_ok());
    }
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn config_uses_handler_schema() {
    let with = |plugin: &str, config: Value| json!({ "use": [{ "plugin": plugin, "config": config }], "run": "x" });
    assert!(fits(&with(
        "counter",
        json!({ "count": 1, "inner": { "count": 2 } })
    )));
    assert!(fits(&with("counter#counter", json!({ "count": 1 }))));
    assert!(!fits(&with("counter", json!({ "count": "1" }))));
    assert!(!fits(&with(
        "counter",
        json!({ "inner": { "count": "2" } })
    )));
    assert!(!fits(&with("counter#counter", json!({ "cuont": 1 }))));
    assert!(fits(&with("counter#words", json!({ "word": "a" }))));
    assert!(!fits(&with("counter#words", json!({ "word": 1 }))));
}

#[test]
fn config_uses_handler_schema_at_every_level() {
    let bad = json!([{ "plugin": "counter", "config": { "cuont": 1 } }]);
    assert!(!fits(
        &json!({ "map": [{ "path": "/", "run": "x", "use": bad }] })
    ));
    assert!(!fits(&json!({ "cascade": [{ "run": "x", "use": bad }] })));
    assert!(!fits(
        &json!({ "run": { "plugin": "counter#app", "config": { "word": 1 } } })
    ));
    assert!(fits(
        &json!({ "run": { "plugin": "counter#app", "config": { "word": "a" } } })
    ));
}

#[test]
fn unknown_plugin_is_accepted() {
    let manifest = json!({ "use": ["strange"], "run": { "plugin": "odd", "config": { "a": 1 } } });
    assert!(fits(&manifest));
    assert!(!fits(&json!({ "run": "Odd Name" })));
}
