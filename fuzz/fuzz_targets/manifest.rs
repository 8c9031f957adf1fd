//! Any text is a manifest or has diagnostics, each of which can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stackup::manifest::{Settings, Source, parse};

fuzz_target!(|text: String| {
    let source = Source {
        path: "config.ru.toml".into(),
        text,
    };
    let settings = Settings {
        environment: "production",
        variable: &|name| (name == "SET").then(|| "é \" ]".to_owned()),
    };
    let diagnostics = match parse(&source, &settings) {
        Ok(parsed) => parsed.warnings,
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|diagnostic| diagnostic.is_error()));
            diagnostics
        }
    };
    for diagnostic in &diagnostics {
        assert!(diagnostic.position(&source).0 >= 1);
    }
    for color in [false, true] {
        assert_eq!(
            source.render(&diagnostics, color).is_empty(),
            diagnostics.is_empty()
        );
    }
});
