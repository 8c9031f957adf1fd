//! What a quoted text shows.

use super::super::{Settings, Source, parse};
use super::*;

fn quoted(text: &str, about: &str) -> String {
    let start = text.find(about).unwrap();
    conceal(text, &Diagnostic::error(start..start + about.len(), "x"))
}

#[test]
fn strings_of_a_config_are_hidden_unless_the_message_is_about_them() {
    let text =
        "use = [{ plugin = \"a\", config = { plain = { al = \"canary\" }, realm = 'R', n = 1 } }]";
    let hidden =
        "use = [{ plugin = \"a\", config = { plain = { al = \"******\" }, realm = '*', n = 1 } }]";
    assert_eq!(quoted(text, "\"a\""), hidden);
    let realm = hidden.replace("'*'", "'R'");
    assert_eq!(quoted(text, "'R'"), realm);
    let plain = hidden.replace("******", "canary");
    assert_eq!(quoted(text, "\"canary\""), plain, "only its schema knows");
    let start = text.find("\"canary\"").unwrap();
    let mut marked = Diagnostic::error(start..start + 8, "x");
    marked.secret = true;
    assert_eq!(conceal(text, &marked), hidden);
}

#[test]
fn named_secret_is_hidden_also_where_the_message_is_about_it() {
    let text =
        "[run]\nplugin = \"x\"\n[run.config]\npassword = \"can\u{e9}ry\"\npin_token = 4711\n";
    let hidden = text
        .replace("can\u{e9}ry", "***\u{b7}**")
        .replace("4711", "****");
    for about in ["\"can\u{e9}ry\"", "4711", "password", "plugin"] {
        assert_eq!(quoted(text, about), hidden, "{about}");
    }
}

#[test]
fn url_of_the_store_is_hidden() {
    let text = "[store]\nengine = \"redis\"\nurl = \"redis://:pw@h${P}\"\n";
    let hidden = text.replace("redis://:pw@h", "*************");
    assert_eq!(quoted(text, "\"redis\""), hidden);
    assert_eq!(quoted(text, "\"redis://:pw@h${P}\""), hidden);
    let misspelt = text.replace("url", "ulr");
    assert!(!quoted(&misspelt, "ulr").contains("pw"));
    let broken = "[store]\nurl = \"redis://:canary@h\"\nx =";
    assert!(!quoted(broken, "x =").contains("canary"));
}

#[test]
fn variables_stay_visible() {
    let text = "run = { plugin = \"x\", config = { secret = \"a${KEY}b$${c}\" } }";
    let hidden = text.replace("a${", "*${").replace("b$${c}", "******");
    assert_eq!(quoted(text, "${KEY}"), hidden);
}

#[test]
fn broken_manifest_hides_what_can_be_read() {
    for text in [
        "run = { plugin = \"x\", config = { password = \"canary\" ",
        "run = { plugin = \"x\", config = { password = \"canary\", relm = } }",
        "[run.config]\npassword = \"canary",
        "[run.config]\npassword = \"canary\" x",
        "[run.config\npassword = \"canary\"",
        "[[use]]\nplugin = \"x\"\nconfig = { plain = { a = \"canary\" }\n",
        "[[use]\nplugin = \"x\"\nconfig = { password = \"canary\" }\n",
        "use = [{ plugin = \"x\", config = { password = 'canary' } }",
    ] {
        let end = text.len();
        let shown = conceal(text, &Diagnostic::error(end..end, "x"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}

/// All that `check` says of a manifest.
fn said(text: &str) -> String {
    let source = Source {
        path: "config.ru.toml".into(),
        text: text.to_owned(),
    };
    let settings = Settings {
        environment: "test",
        variable: &|_| None,
        embedded: None,
    };
    match parse(&source, &settings) {
        Ok(parsed) => source.render(&parsed.warnings, false),
        Err(diagnostics) => source.render(&diagnostics, false),
    }
}

#[test]
fn url_of_the_store_is_hidden_wherever_it_is() {
    let mut wrong = Vec::new();
    for store in [
        "[store]\nengine = \"redis\"\nurl = \"URL\"\nx = 1",
        "[[store]]\nengine = \"redis\"\nurl = \"URL\"",
        "store = \"URL\"",
        "store = [\"URL\"]",
        "store.url = \"URL\"",
        "store = { engine = \"redis\", url = \"URL\" }",
        "store = { engine = \"redis\", url = \"URL\"",
        "url = \"URL\"",
        "urls = [\"URL\"]",
        "[stroe]\nurl = \"URL\"",
        "[redis]\naddress = \"URL\"",
        "[server]\nlisten = \"URL\"",
        "[server]\nstore = \"URL\"",
        "[store]\nengine = \"URL\"",
        "[store]\nengine = \"redid\" # URL\nurl = 1",
        "[store]\nengine = \"file\"\npath = \"URL/\"",
        "[store]\nmemory = \"URL\"",
        "[store]\nengine = \"redis\"\nprefix = \"URL\"\nurl = \"redis://h\"",
        "[store]\nengine = \"redis\"\nurl = [\"URL\"]",
        "[store]\nengine = \"redis\"\nurl = { main = \"URL\" }",
        "[store.url]\nmain = \"URL\"",
        "[store]\nurl = \"URL",
        "[store]\nurl = URL",
        "[store\nurl = \"URL\"",
        "[stroe\nurl = \"URL\"",
        "[store]\nurl = \"\"\"URL",
        "[store]\nurl = \"\"\"\nURL\n",
        "[store]\nurl: \"URL\"",
        "[store]\nurl \"URL\"",
        "[store]\nengine = \"redis\" url = \"URL\"",
        "[store]\nurl = \"a\"\nurl = \"URL\"",
        "[[use]]\nplugin = \"session\"\nsecrets = [\"canary\"]",
        "[[use]]\nplugin = \"session\"\npat = \"canary\"",
        "[[use]]\nplugin = \"x\"\nconfg = { plain = { ann = \"canary\" } }",
        "[[use]]\nplugin = \"x\"\nconfig = \"canary\"",
        "[[use]]\nplugin = \"x\"\nconfig = canary",
        "[[use]]\nplugin = \"x\"\nconfig.password = canary",
    ] {
        for url in [
            "redis://:canary@h",
            "redis://canary",
            "rediss+x://u:x/canary @h",
        ] {
            let shown = said(&format!("run = \"x\"\n{}\n", store.replace("URL", url)));
            if shown.contains("canary") {
                wrong.push(shown);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn misspelt_key_that_is_no_secret_shows_its_value() {
    let shown = said("run = \"x\"\n[[map]]\npath = \"/a\"\nhots = \"a.example\"\nrun = \"y\"\n");
    assert!(shown.contains("hots = \"a.example\""), "{shown}");
    let shown = said("run = \"x\"\n[store]\nengine = \"redis://:canary@h\"\n");
    assert!(shown.contains("there is no engine `[hidden]`"), "{shown}");
}

/// Its secrets are hidden whatever mistake is made in it.
const SECRETS: &str = r#"run = { plugin = "a", config = { realm = "x", password = "canary" } }

[store]
engine = "redis"
url = "redis://user:canary@host"

[[use]]
plugin = "session"
config.secrets = [
  "canary",
  'canary',
]

[[map]]
path = "/a"
[[map.use]]
plugin = "b"
[map.use.config.plain]
ann = "canary"
"bob" = """
canary
"""
[map.run]
plugin = "hello"
"#;

#[test]
fn no_single_mistake_shows_a_secret() {
    assert_eq!(said(SECRETS), "");
    let mut wrong = Vec::new();
    let mistakes = ["\"", "\"\"\"", "[", "}", "=", "\n"];
    for (at, char) in SECRETS.char_indices() {
        let after = &SECRETS[at + char.len_utf8()..];
        let removed = [&SECRETS[..at], after].concat();
        let mut texts = vec![removed];
        texts.extend(mistakes.map(|mistake| [&SECRETS[..at], mistake, &SECRETS[at..]].concat()));
        texts.push(SECRETS[..at].to_owned());
        let shown = texts.iter().map(|text| (said(text), text));
        let shown = shown.filter(|(shown, _)| shown.contains("canary"));
        wrong.extend(shown.map(|(shown, text)| format!("{shown}\n{text}")));
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
}
