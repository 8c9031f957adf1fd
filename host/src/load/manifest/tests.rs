//! Properties of every text, and the spans that other modules use.

use proptest::prelude::*;

use super::*;

const VALID: &str = r#"
warmup = ["/", "/health"]
use = ["runtime", { plugin = "logger#short", config = { prefix = "${P}é" }, only = "test" }]

[server]
listen = ["127.0.0.1:80", "unix:/run/é.sock"]

[limits]
body_bytes = "10MiB"
request_timeout = "off"

[failures]
panics = 3
cool_down = "1m"

[renewal]
memory = "1GiB"

[[map]]
path = "/admin/"
host = "Admin.example:80"
  [[map.use]]
  plugin = "basic-auth"
  config.users = [{ name = "a" }, { name = "b" }]
  [map.run]
  plugin = "status"

[run]
plugin = "hello"
except = ["staging"]
  [run.config.set]
  "x-frame-options" = "DENY"
  when = 1979-05-27
"#;

fn read(text: &str) -> (Source, Result<Parsed, Vec<Diagnostic>>) {
    let source = Source {
        path: "config.ru.toml".into(),
        text: text.to_owned(),
    };
    let variable = |name: &str| (name == "P").then(|| "p".to_owned());
    let settings = Settings {
        environment: "test",
        variable: &variable,
        embedded: None,
    };
    let parsed = parse(&source, &settings);
    (source, parsed)
}

/// Parses `text` and checks every span and message.
fn check(text: &str) {
    let (source, parsed) = read(text);
    let diagnostics = match parsed {
        Ok(parsed) => {
            assert!(parsed.warnings.iter().all(|warning| !warning.is_error()));
            places(&parsed.manifest.stack, text);
            parsed.warnings
        }
        Err(diagnostics) => {
            assert!(
                diagnostics.iter().any(Diagnostic::is_error),
                "{diagnostics:?}"
            );
            diagnostics
        }
    };
    for diagnostic in &diagnostics {
        let also = diagnostic.also.iter().map(|(span, _)| span);
        for span in also.chain([&diagnostic.span]) {
            assert!(
                text.get(span.clone()).is_some(),
                "{span:?} of {diagnostic:?} in {text:?}"
            );
        }
        assert!(!diagnostic.message.is_empty());
        for color in [false, true] {
            assert!(!diagnostic.render(&source, color).is_empty());
        }
    }
}

fn places(level: &Level, text: &str) {
    for directive in level.uses.iter().chain(&level.run) {
        for span in [
            directive.span.clone(),
            directive.name_span(),
            directive.config_span("a.b"),
        ] {
            assert!(text.get(span).is_some());
        }
    }
    for map in &level.maps {
        assert!(text.get(map.span.clone()).is_some());
        places(&map.level, text);
    }
    for tried in level.cascade.iter().flatten() {
        assert!(text.get(tried.span.clone()).is_some());
        places(&tried.level, text);
    }
}

/// Fragments that form a manifest, or nearly one.
fn fragment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "use",
        "run",
        "map",
        "cascade",
        "catch",
        "warmup",
        "server",
        "plugins",
        "limits",
        "failures",
        "renewal",
        "on_failure",
        "plugin",
        "config",
        "path",
        "host",
        "only",
        "except",
        "listen",
        "trust",
        "body_bytes",
        "panics",
        "memory",
        "block_limit",
        "=",
        "=",
        "=",
        " ",
        " ",
        "\n",
        "\n",
        "\n",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        ",",
        ".",
        "\"",
        "'",
        "\"\"\"",
        "\"a\"",
        "\"/a\"",
        "\"/\"",
        "\"${P}\"",
        "\"${Q}\"",
        "\"${\"",
        "\"\\u0024{Q}é\"",
        "\"test\"",
        "5",
        "nan",
        "true",
        "1979-05-27",
        "#",
        "é",
        "日本",
        "\r\n",
        "\t",
        "\u{feff}",
        "\0",
        "\\",
        "[[use]]\n",
        "[run]\n",
        "[[map]]\n",
        "[map.run]\n",
        "[[map.map]]\n",
        "[server]\n",
        "[failures]\n",
        "[renewal]\n",
        "plugin = \"a\"\n",
        "run = \"x\"\n",
        "path = \"/a\"\n",
        "host = \"h\"\n",
        "use = [\"a\"]\n",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parser_never_panics_on_any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn parser_never_panics_on_manifest_fragments(
        fragments in prop::collection::vec(fragment(), 0..40),
    ) {
        check(&fragments.concat());
    }

    #[test]
    fn parser_never_panics_on_broken_manifest(
        at in 0..VALID.len(),
        length in 0..30_usize,
        fragments in prop::collection::vec(fragment(), 0..4),
    ) {
        let floor = |at: usize| (0..=at.min(VALID.len())).rev().find(|at| VALID.is_char_boundary(*at)).unwrap();
        let text = [&VALID[..floor(at)], &fragments.concat(), &VALID[floor(at + length)..]].concat();
        check(&text);
    }

    #[test]
    fn out_of_range_span_renders(start in 0..2000_usize, length in 0..2000_usize) {
        let source = Source { path: "x".into(), text: VALID.to_owned() };
        let error = Diagnostic::error(start..start + length, "m").also(length..start, "other");
        prop_assert!(!error.render(&source, false).is_empty());
        prop_assert!(error.position(&source).0 >= 1);
    }
}

#[test]
fn parser_never_panics_on_any_prefix() {
    for (at, _) in VALID.char_indices() {
        check(&VALID[..at]);
    }
}

#[test]
fn config_spans_point_at_keys_and_values() {
    let (source, parsed) = read(VALID);
    let stack = parsed.unwrap().manifest.stack;
    let text = |span: Span| &source.text[span];

    let run = stack.run.unwrap();
    assert_eq!(text(run.span.clone()), "[run]");
    assert_eq!(text(run.name_span()), "\"hello\"");
    assert_eq!(text(run.config_span("set.x-frame-options")), "\"DENY\"");
    assert_eq!(
        text(run.config_key_span("set.x-frame-options")),
        "\"x-frame-options\""
    );
    assert_eq!(text(run.config_span("set.when")), "1979-05-27");
    assert_eq!(text(run.config_span("set.missing")), "[run.config.set]");
    assert_eq!(text(run.key_span("sha256")), "[run]");

    let auth = &stack.maps[0].level.uses[0];
    assert_eq!(text(auth.config_span("users[1].name")), "\"b\"");
    assert_eq!(text(auth.config_span("users[1].age")), "{ name = \"b\" }");
    assert_eq!(
        text(auth.config_span("users[7]")),
        "[{ name = \"a\" }, { name = \"b\" }]"
    );

    let logger = &stack.uses[1];
    assert_eq!(text(logger.config_span("")), "{ prefix = \"${P}é\" }");
    assert_eq!(text(logger.config_span(".")), "{ prefix = \"${P}é\" }");
    assert_eq!(text(logger.config_key_span("prefix")), "prefix");

    let runtime = &stack.uses[0];
    assert_eq!(text(runtime.config_span("x.y")), "\"runtime\"");
}

#[test]
fn listen_span_points_at_address() {
    let (source, parsed) = read(VALID);
    let server = parsed.unwrap().manifest.server;
    assert_eq!(
        &source.text[server.listen_span(0).unwrap()],
        "\"127.0.0.1:80\""
    );
    assert_eq!(Server::default().listen_span(0), None);
}

#[test]
fn colour_follows_argument() {
    let (source, parsed) = read("rnu = 1");
    let error = &parsed.unwrap_err()[0];
    assert!(error.render(&source, true).contains("\u{1b}["));
    assert!(!error.render(&source, false).contains('\u{1b}'));
}

#[test]
fn rendered_text_has_no_control_characters() {
    // U+009B appears raw, in a string that TOML allows; the zero byte appears quoted in a help.
    for text in [
        "run = \"a\u{9b}2J\"\n\"k\u{9b}y\" = 1",
        "run = h\0\u{1b}[2J",
    ] {
        let (source, parsed) = read(text);
        let found = source.render(&parsed.unwrap_err(), false);
        assert!(
            !found.contains(|c: char| c.is_control() && c != '\n'),
            "{found:?}"
        );
    }
}

#[test]
fn replaced_character_keeps_underline_position() {
    let (source, parsed) = read("run = \"a\u{9b}\" # é\nuse = 1");
    let found = source.render(&parsed.unwrap_err(), false);
    assert!(
        found.contains("run = \"a·\" # é\n  |       ^^^^ "),
        "{found}"
    );
}

#[test]
fn position_counts_characters_from_one() {
    let source = Source {
        path: "x".into(),
        text: "a\né é\n".into(),
    };
    assert_eq!(Diagnostic::error(5..7, "m").position(&source), (2, 3));
}
