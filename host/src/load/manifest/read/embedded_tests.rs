use crate::load::manifest::{Diagnostic, Embedded, Settings, Source, parse};

/// The messages about `text` in another program: errors, and warnings.
fn messages(text: &str, embedded: Embedded) -> Vec<String> {
    let source = Source {
        path: "config.ru.toml".into(),
        text: text.to_owned(),
    };
    let settings = Settings {
        environment: "production",
        variable: &|_| None,
        embedded: Some(embedded),
    };
    let diagnostics = match parse(&source, &settings) {
        Ok(parsed) => parsed.warnings,
        Err(diagnostics) => diagnostics,
    };
    let message = |one: &Diagnostic| one.message.clone();
    diagnostics.iter().map(message).collect()
}

const APP: Embedded = Embedded {
    wraps: false,
    shares: false,
    is_cgi: false,
};

const LAYER: Embedded = Embedded {
    wraps: true,
    shares: false,
    is_cgi: false,
};

#[test]
fn keys_without_effect_are_reported() {
    let has_none = |key: &str| format!("`{key}` has no effect inside another program");
    let manifest = "run = \"a\"\nmap = [{ path = \"/b\", run = \"b\", limits = { send_timeout = \"1s\" } }]\n\
        [server]\nlisten = [\"127.0.0.1:1\"]\ntrusted_proxies = [\"10.0.0.1\"]\n\
        [limits]\nbody_bytes = 7\nworker_timeout = \"5s\"\nfetches = 5\n[failures]\npanics = 3\ncrashes = 3\n[log]\n";
    let own = ["send_timeout", "listen", "worker_timeout", "crashes"].map(has_none);
    assert_eq!(messages(manifest, APP), own);
    let second = Embedded {
        shares: true,
        ..APP
    };
    let shared = [
        "send_timeout",
        "listen",
        "worker_timeout",
        "fetches",
        "crashes",
        "log",
    ];
    assert_eq!(messages(manifest, second), shared.map(has_none));
    let cgi = Embedded {
        is_cgi: true,
        ..APP
    };
    assert_eq!(messages(manifest, cgi), Vec::<String>::new());
}

#[test]
fn layer_has_no_app_but_may_have_maps() {
    let nothing = Vec::<String>::new();
    assert_eq!(messages("use = [\"a\"]", LAYER), nothing);
    assert_eq!(messages("", LAYER), nothing);
    let mapped = "map = [{ path = \"/a\", run = \"a\" }]";
    assert_eq!(messages(mapped, LAYER), nothing);
    assert_eq!(messages("run = \"a\"", LAYER), ["a layer has no `run`"]);
    let cascade = "cascade = [\"a\", \"b\"]";
    assert_eq!(messages(cascade, LAYER), ["a layer has no `cascade`"]);
    assert_eq!(
        messages("use = [\"a\"]", APP),
        ["missing `run`, `map` or `cascade`"]
    );
    let empty = "map = [{ path = \"/a\", use = [\"a\"] }]";
    assert_eq!(
        messages(empty, LAYER),
        ["missing `run` or `map` in this map"]
    );
}
