//! Any text is a manifest, or has diagnostics that can be displayed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stackup::load::manifest::{Settings, Source, parse};

/// The cases of `tests/manifests/` are used as seeds: the part after the dashes is not part of a manifest.
const DASHES: &str = "----------------------------------------\n";

fuzz_target!(|text: &str| {
    let source = Source {
        path: "config.ru.toml".into(),
        text: text.split(DASHES).next().unwrap_or_default().to_owned(),
    };
    for environment in ["development", "production"] {
        let settings = Settings {
            environment,
            variable: &|name| (name == "SET").then(|| "é \" ]".to_owned()),
            embedded: None,
        };
        check(&source, &settings);
    }
});

fn check(source: &Source, settings: &Settings<'_>) {
    let diagnostics = match parse(source, settings) {
        Ok(parsed) => {
            assert!(!parsed.warnings.iter().any(|warning| warning.is_error()));
            parsed.warnings
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|diagnostic| diagnostic.is_error()));
            diagnostics
        }
    };
    let lines = source.text.matches('\n').count() + 1;
    for diagnostic in &diagnostics {
        let (line, column) = diagnostic.position(source);
        assert!((1..=lines).contains(&line) && column >= 1);
    }
    for color in [false, true] {
        let text = source.render(&diagnostics, color);
        assert_eq!(text.is_empty(), diagnostics.is_empty());
        // A manifest's text must not control the terminal; only our colours may.
        let control = |c: char| c.is_control() && c != '\n';
        assert!(color || !text.contains(control), "{text:?}");
    }
}
