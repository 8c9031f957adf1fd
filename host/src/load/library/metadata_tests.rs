use proptest::prelude::*;

use super::*;
use crate::load::library::sample::SECTION;

fn parse(text: &str) -> Result<Metadata, MetadataError> {
    Metadata::parse(text.as_bytes())
}

fn with(from: &str, to: &str) -> Result<Metadata, MetadataError> {
    assert!(SECTION.contains(from), "{from}");
    parse(&SECTION.replace(from, to))
}

#[test]
fn all_fields_are_parsed() {
    let handler = |kind, name: &str| HandlerInfo {
        kind,
        name: name.to_owned(),
    };
    let expected = Metadata {
        abi: "0.1.0".to_owned(),
        name: "logger".to_owned(),
        version: "0.2.0".to_owned(),
        description: "Logs requests".to_owned(),
        rustc: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
        panic: Panic::Unwind,
        profile: "release".to_owned(),
        handlers: vec![
            handler(HandlerKind::Middleware, "Logger"),
            handler(HandlerKind::App, "status"),
        ],
        embedded: None,
    };
    assert_eq!(parse(SECTION), Ok(expected));
    assert_eq!(with("unwind", "abort").unwrap().panic, Panic::Abort);
}

#[test]
fn padding_and_unknown_keys_are_ignored() {
    assert_eq!(parse(&format!("{SECTION}\0\0\0")), parse(SECTION));
    assert_eq!(
        parse(&format!("{SECTION}licence=MIT\nlicence=Apache\n")),
        parse(SECTION)
    );
}

#[test]
fn description_may_be_empty_or_contain_an_equals_sign() {
    assert_eq!(with("Logs requests", "").unwrap().description, "");
    assert_eq!(with("Logs requests", "a=b=é").unwrap().description, "a=b=é");
    assert!(with("rustc 1.95.0 (59807616e 2026-04-14)", "").is_err());
}

#[test]
fn required_keys_must_occur_once() {
    for key in [
        "abi",
        "name",
        "version",
        "description",
        "rustc",
        "panic",
        "profile",
    ] {
        let (whole, _) = SECTION.split_once(&format!("\n{key}=")).unwrap();
        let line = SECTION[whole.len() + 1..].lines().next().unwrap();
        let missing = with(&format!("{line}\n"), "").unwrap_err();
        assert_eq!(missing, MetadataError::Missing(static_key(key)));
        let twice = with(&format!("{line}\n"), &format!("{line}\n{line}\n")).unwrap_err();
        assert_eq!(twice, MetadataError::Twice(key.to_owned()));
    }
}

fn static_key(key: &str) -> &'static str {
    let keys = [
        "abi",
        "name",
        "version",
        "description",
        "rustc",
        "panic",
        "profile",
    ];
    keys.into_iter().find(|known| *known == key).unwrap()
}

#[test]
fn two_exports_in_one_library_are_refused() {
    let error = parse(&format!("{SECTION}{SECTION}")).unwrap_err();
    assert_eq!(error, MetadataError::Twice("stackup-plugin".to_owned()));
}

#[test]
fn handlers_are_required_and_unique() {
    let none = SECTION
        .split_inclusive("handler")
        .next()
        .unwrap()
        .trim_end_matches("handler");
    assert_eq!(parse(none), Err(MetadataError::NoHandlers));
    assert!(matches!(
        with("app status", "app Logger"),
        Err(MetadataError::Twice(_))
    ));
    for bad in ["filter x", "app", "app ", "app a b", "App x", "app ../x"] {
        let result = with("app status", bad);
        assert!(
            matches!(result, Err(MetadataError::Value { key: "handler", .. })),
            "{bad}"
        );
    }
}

#[test]
fn name_with_path_characters_is_refused() {
    for bad in ["", "../logger", "a/b", ".", "a b", &"x".repeat(65)] {
        let result = with("name=logger", &format!("name={bad}"));
        assert!(
            matches!(result, Err(MetadataError::Value { key: "name", .. })),
            "{bad}"
        );
    }
}

#[test]
fn other_values_are_refused() {
    assert!(matches!(
        with("unwind", "yes"),
        Err(MetadataError::Value { key: "panic", .. })
    ));
    assert!(matches!(
        with("=release", "=fast"),
        Err(MetadataError::Value { key: "profile", .. })
    ));
}

#[test]
fn other_formats_are_refused_first() {
    let error = with("stackup-plugin=1", "stackup-plugin=2").unwrap_err();
    assert!(
        error.to_string().contains("\"stackup-plugin=2\""),
        "{error}"
    );
    assert!(matches!(
        parse("name=x\n"),
        Err(MetadataError::Format { .. })
    ));
    assert!(with("stackup-plugin=1", "stackup-plugin=10").is_err());
}

#[test]
fn damaged_metadata_is_refused() {
    assert_eq!(parse(""), Err(MetadataError::Empty));
    assert_eq!(parse("\0\0"), Err(MetadataError::Empty));
    assert_eq!(parse(SECTION.trim_end()), Err(MetadataError::CutOff));
    assert!(matches!(
        Metadata::parse(b"\xff\n"),
        Err(MetadataError::NotUtf8(_))
    ));
    assert!(matches!(
        with("panic=unwind", "panic"),
        Err(MetadataError::Line { number: 7, .. })
    ));
    assert!(matches!(
        with("Logs requests", "\x1b[2J"),
        Err(MetadataError::Line { .. })
    ));
    assert!(matches!(
        with("Logs requests", "a\0b"),
        Err(MetadataError::Line { .. })
    ));
    assert!(matches!(
        with("panic=unwind", "=unwind"),
        Err(MetadataError::Line { .. })
    ));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = Metadata::parse(&bytes);
    }

    #[test]
    fn damaged_metadata_never_panics(at in 0..SECTION.len(), byte: u8, cut in 0..SECTION.len()) {
        let mut bytes = SECTION.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = Metadata::parse(&bytes);
        bytes.truncate(cut);
        let _ = Metadata::parse(&bytes);
    }

    #[test]
    fn parsed_values_are_safe_in_file_names_and_terminals(at in 0..SECTION.len(), c: char) {
        let mut text: Vec<char> = SECTION.chars().collect();
        text[at] = c;
        if let Ok(metadata) = parse(&text.into_iter().collect::<String>()) {
            prop_assert!(!metadata.name.contains(['/', '.', '\0']) && !metadata.name.is_empty());
            let texts = [metadata.description, metadata.rustc, metadata.version, metadata.abi];
            prop_assert!(!texts.concat().contains(char::is_control));
        }
    }
}
