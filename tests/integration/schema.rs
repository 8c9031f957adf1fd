//! The manifest's schema against its parser, and configs that violate their plugin's schema.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use stackup::load::manifest::{self, Diagnostic, Manifest, Settings, Source};
use stackup::load::schema::{KnownPlugins, of_manifest};
use stackup_tests::Site;

use crate::cases;

/// An unknown key that resembles no known one.
const UNKNOWN: &str = "zzzzzzzz";

#[test]
fn schema_accepts_valid_and_rejects_unknown_keys() {
    let validator = validator(&of_manifest(&KnownPlugins::default()));
    let (mut accepted, mut unknown) = (0, 0);
    for case in cases::all("manifests") {
        let text = fs::read_to_string(&case).unwrap();
        let (manifest, outcome) = cases::split(&text);
        let fits = || {
            let manifest = toml::from_str::<Value>(manifest).expect("TOML");
            validator.is_valid(&manifest)
        };
        if !outcome.contains("error: ") {
            accepted += 1;
            assert!(fits(), "{} is accepted, but does not fit", case.display());
        } else if outcome.contains("error: unknown key")
            && toml::from_str::<Value>(manifest).is_ok()
        {
            unknown += 1;
            assert!(!fits(), "{} has an unknown key, but fits", case.display());
        }
    }
    assert!(
        accepted > 30 && unknown > 5,
        "{accepted} and {unknown} cases"
    );
}

#[test]
fn schema_and_reader_have_same_keys() {
    let schema = of_manifest(&KnownPlugins::default());
    let same = |table: &Value, manifest: &str| {
        let found = errors(manifest);
        let note = found.iter().find_map(|error| error.note.clone());
        let note = note.unwrap_or_else(|| panic!("no list of keys for\n{manifest}"));
        let reader: BTreeSet<&str> = note.split('`').skip(1).step_by(2).collect();
        let schema = table["properties"].as_object().expect("properties");
        assert_eq!(
            schema.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            reader,
            "{manifest}"
        );
    };
    same(&schema, &format!("run = \"a\"\n{UNKNOWN} = 1\n"));
    for (name, section) in sections(&schema) {
        same(section, &format!("run = \"a\"\n[{name}]\n{UNKNOWN} = 1\n"));
    }
    let defs = &schema["$defs"];
    let mut directive = defs["directive"].clone();
    let middleware = format!("use = [{{ plugin = \"a\", {UNKNOWN} = 1 }}]\nrun = \"a\"\n");
    same(&directive, &middleware);
    // An app has the keys of a middleware without those that its rule forbids.
    let rule = &defs["run"]["anyOf"][1]["allOf"][1]["properties"];
    let forbidden = rule.as_object().expect("properties").iter();
    for (key, _) in forbidden.filter(|(_, schema)| **schema == false) {
        let keys = directive["properties"].as_object_mut().expect("properties");
        keys.shift_remove(key);
    }
    let app = format!("run = {{ plugin = \"a\", {UNKNOWN} = 1 }}\n");
    same(&directive, &app);
    same(
        &defs["map"],
        &format!("map = [{{ path = \"/\", run = \"a\", {UNKNOWN} = 1 }}]\n"),
    );
    same(
        &defs["tried"],
        &format!("cascade = [{{ run = \"a\", {UNKNOWN} = 1 }}]\n"),
    );
}

/// Other keys without which a key is refused.
fn needed_by(section: &str, key: &str) -> &'static str {
    match (section, key) {
        ("store", "timeout" | "prefix") => "engine = \"redis\"\nurl = \"redis://localhost\"\n",
        _ => "",
    }
}

#[test]
fn schema_and_reader_have_same_defaults() {
    let schema = of_manifest(&KnownPlugins::default());
    for (name, section) in sections(&schema) {
        for (key, property) in section["properties"].as_object().expect("properties") {
            // What has no default must be written.
            let Some(default) = property.get("default") else {
                continue;
            };
            let before = format!("run = \"a\"\n[{name}]\n{}", needed_by(name, key));
            let plain = facts(&read(&before).expect("a manifest"));
            // These JSON values are valid TOML too.
            let text = format!("{before}{key} = {default}\n");
            let manifest = read(&text).unwrap_or_else(|| panic!("refused:\n{text}"));
            assert_eq!(facts(&manifest), plain, "{text}");
        }
    }
}

#[test]
fn schema_accepts_what_reader_accepts() {
    let schema = of_manifest(&KnownPlugins::default());
    let validator = validator(&schema);
    for (name, section) in sections(&schema) {
        for (key, property) in section["properties"].as_object().expect("properties") {
            let number = &property["anyOf"][0];
            let number = if number["type"] == "integer" {
                number
            } else {
                property
            };
            let bounds = [&number["minimum"], &number["maximum"]];
            let bounds = bounds.into_iter().filter_map(Value::as_i64);
            let near = bounds.flat_map(|bound| [bound - 1, bound, bound + 1]);
            let near: Vec<_> = near.map(|number| number.to_string()).collect();
            let values = [
                "\"off\"",
                "\"30s\"",
                "\"30 s\"",
                "\"30\"",
                "\"64KiB\"",
                "\"2 mb\"",
                "\"x\"",
                "65536",
                "true",
                "1.5",
                "[]",
                "[\"x\"]",
                "{}",
                "\"any\"",
            ];
            for value in values.into_iter().chain(near.iter().map(String::as_str)) {
                let text = format!("run = \"a\"\n[{name}]\n{key} = {value}\n");
                let manifest = toml::from_str::<Value>(&text).expect("TOML");
                let (taken, fits) = (read(&text).is_some(), validator.is_valid(&manifest));
                let both_ways = number["type"] == "integer" && value.parse::<i64>().is_ok();
                assert!(fits || !taken, "the schema refuses\n{text}");
                assert!(taken || !fits || !both_ways, "the schema takes\n{text}");
            }
        }
    }
}

#[tokio::test]
async fn configs_have_schemas_of_their_plugins() {
    let manifest = "use = [\"timeout\"]\nrun = \"hello\"\n";
    let site = Site::new(manifest, &["timeout", "hello", "session"]);
    let said = site.stackup(&["schema"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let schema: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert!(jsonschema::meta::is_valid(&schema), "{schema:#}");
    let names = &schema["$defs"]["in_reach"]["enum"];
    assert_eq!(*names, serde_json::json!(["hello", "session", "timeout"]));
    let validator = validator(&schema);
    let fits = |text: &str| validator.is_valid(&toml::from_str::<Value>(text).expect("TOML"));
    assert!(fits(manifest));
    assert!(fits(
        "use = [{ plugin = \"timeout\", config = { seconds = 1.5 } }]\nrun = \"hello\"\n"
    ));
    assert!(!fits(
        "use = [{ plugin = \"timeout\", config = { secs = 1.5 } }]\nrun = \"hello\"\n"
    ));
    assert!(!fits("run = { plugin = \"hello\", config = { a = 1 } }\n"));
    assert!(!site.path().join(".stackup").exists());
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::draft202012::new(schema).expect("a schema")
}

/// The sections of the schema: its top-level tables.
fn sections(schema: &Value) -> Vec<(&str, &Value)> {
    let top = schema["properties"].as_object().expect("properties");
    let table = |(name, property): (&'_ String, &Value)| {
        let (name, section) = schema["$defs"].as_object()?.get_key_value(name)?;
        let own = property["$ref"] == format!("#/$defs/{name}").as_str();
        (own && section["type"] == "object").then_some((name.as_str(), section))
    };
    let found: Vec<_> = top.iter().filter_map(table).collect();
    assert!(found.len() >= 6, "{found:?}");
    found
}

fn parse(text: &str) -> Result<Manifest, Vec<Diagnostic>> {
    let source = Source {
        path: "config.ru.toml".into(),
        text: text.to_owned(),
    };
    let settings = Settings {
        environment: "development",
        variable: &|_| None,
        embedded: None,
    };
    manifest::parse(&source, &settings).map(|parsed| parsed.manifest)
}

fn read(text: &str) -> Option<Manifest> {
    parse(text).ok()
}

fn errors(text: &str) -> Vec<Diagnostic> {
    parse(text).err().unwrap_or_default()
}

/// The values of all sections.
fn facts(manifest: &Manifest) -> String {
    let Manifest {
        server,
        plugins,
        limits,
        failures,
        renewal,
        dev,
        ..
    } = manifest;
    let listen = &server.listen;
    format!("{listen:?} {plugins:?} {limits:?} {failures:?} {renewal:?} {dev:?}")
}
