use std::fs;

use stackup_tests::{Connection, Host, Site};

/// What `files` opens at the top is below a map that answers 403, in whatever spelling the manifest has it.
const GUARDED: &str = r#"
run = "files"
[[map]]
path = "/private"
run = { plugin = "respond", config = { status = 403 } }
[[map]]
path = "/caf%c3%a9"
run = { plugin = "respond", config = { status = 403 } }
[[map]]
path = "/a%20%7bb%7D"
run = { plugin = "respond", config = { status = 403 } }
[[map]]
path = "/%40x;y=+,z"
run = { plugin = "respond", config = { status = 403 } }
"#;

/// Spellings of one byte of a path.
fn spellings(byte: u8) -> Vec<String> {
    let mut all = vec![format!("%{byte:02X}"), format!("%{byte:02x}")];
    if byte.is_ascii_graphic() && !b"%?#/".contains(&byte) {
        all.push(char::from(byte).to_string());
    }
    all
}

/// Targets that name `path`: each byte in each spelling, and detours.
fn targets(path: &str) -> Vec<String> {
    let plain: Vec<String> = path
        .bytes()
        .map(|byte| match byte {
            b'/' => "/".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let mut all = Vec::new();
    for (at, byte) in path.bytes().enumerate().filter(|(_, byte)| *byte != b'/') {
        for spelling in spellings(byte) {
            let mut target = plain.clone();
            target[at] = spelling;
            all.push(target.concat());
        }
    }
    let plain = plain.concat();
    for detour in ["/", "/.", "/%2e", "/x/..", "/x/%2E%2e", "/open/a/../%2e."] {
        all.push(format!("{detour}{plain}"));
        all.push(plain.replace('/', &format!("{detour}/")));
    }
    all
}

async fn status(connection: &mut Connection, target: &str) -> u16 {
    connection.get(target).await.status()
}

#[tokio::test]
async fn map_covers_what_files_opens_in_every_spelling() {
    let site = Site::new(GUARDED, &["files", "respond"]);
    for folder in ["private", "café", "a {b}", "@x;y=+,z", "open"] {
        fs::create_dir_all(site.path().join("public").join(folder)).expect("a folder");
        site.file(&format!("public/{folder}/f"), "content");
    }
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    for folder in ["private", "café", "a {b}", "@x;y=+,z"] {
        for target in targets(&format!("/{folder}/f")) {
            assert_eq!(status(&mut connection, &target).await, 403, "{target}");
        }
    }
    for target in targets("/open/f") {
        assert_eq!(status(&mut connection, &target).await, 200, "{target}");
    }
    // An encoded slash is part of a name, which no file and no location here has.
    for target in ["/private%2Ff", "/open%2ff", "/open/..%2fprivate/f"] {
        assert_eq!(status(&mut connection, target).await, 404, "{target}");
    }
    for target in ["/private/../open/f", "/private/%2e%2E//open/f"] {
        assert_eq!(status(&mut connection, target).await, 200, "{target}");
    }
}

#[tokio::test]
async fn path_without_canonical_form_gets_400() {
    let (_site, host) = super::probe("").await;
    for target in [
        "/..",
        "/a/../../b",
        "/%2e%2e/a",
        "/%",
        "/%zz",
        "/a%0",
        "/%00",
    ] {
        let mut connection = host.connect().await;
        let res = connection.get(target).await;
        assert_eq!(res.status(), 400, "{target}");
    }
}

/// Exceptions are made for what is served, and for nothing else.
#[tokio::test]
async fn exceptions_and_rules_see_the_path_that_is_served() {
    let manifest = r#"
run = "echo"
[[use]]
plugin = "logger"
[[use]]
plugin = "host-authorization"
config = { hosts = ["good.example"], exclude = ["/health", "/caf%c3%a9"] }
[[use]]
plugin = "rewrite"
config = { rules = [{ from = '^/old/(.*)$', to = '/new/$1' }] }
"#;
    let plugins = ["echo", "host-authorization", "logger", "rewrite"];
    let site = Site::new(manifest, &plugins);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    for (target, expected) in [
        ("/health", 200),
        ("/he%61lth//x", 200),
        ("/x/../health/", 200),
        ("/CAF%C3%A9/../caf%c3%a9", 200),
        ("/health/../x", 421),
        ("/health/%2e%2e/x", 421),
        ("/health%2fx", 421),
        ("/healthy", 421),
    ] {
        assert_eq!(status(&mut connection, target).await, expected, "{target}");
    }
    let head = "HTTP/1.1\r\nhost: good.example\r\n\r\n";
    connection
        .send(format!("GET /x/%2e%2e/%6fld//a?b=%6f//.. {head}"))
        .await;
    let echoed = connection.response().await.text();
    assert!(
        echoed.starts_with("GET /new/a?b=%6f//.. HTTP/1.1\n"),
        "{echoed}"
    );
    host.log()
        .take("the path as it was served", |record| {
            record.message().contains("GET /old/a?b=")
        })
        .await;
}

#[tokio::test]
async fn target_as_the_client_sent_it_is_in_the_env() {
    let site = Site::new("run = \"env\"\n", &["env"]);
    let host = Host::start_in("development", &site).await;
    let mut connection = host.connect().await;
    let head = "HTTP/1.1\r\nhost: test\r\naccept: application/json\r\n\r\n";
    connection.send(format!("GET /%61/../b?c {head}")).await;
    let text = connection.response().await.text();
    for line in ["\"PATH_INFO\": \"/b\"", "\"REQUEST_URI\": \"/%61/../b?c\""] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
