//! The shelf against Ruby's Rack: the same requests to the same stacks must get the same responses.

mod answer;
mod case;
mod deviations;
mod ruby;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use stackup_tests::{Connection, Host, Site, print_skipped};

use self::answer::Answer;
use self::case::{Case, Group};
use self::deviations::Deviations;
use self::ruby::Ruby;

/// The least number of cases: fewer means that files are missing.
const AT_LEAST: usize = 150;

#[tokio::test]
async fn shelf_answers_as_rack_except_listed_deviations() {
    let groups = Group::all();
    let cases: usize = groups.iter().map(|group| group.cases.len()).sum();
    assert!(cases >= AT_LEAST, "only {cases} cases");
    if !Ruby::is_available() {
        print_skipped("no Ruby with rack and puma; install `ruby-rack` and `puma`");
        return;
    }
    let site = Site::new(&groups[0].manifest, &plugins(&groups));
    files(site.path());
    let mut ruby = Ruby::start(site.path(), &groups).await;
    let host = Host::start(&site).await;
    let mut deviations = Deviations::read();
    let mut unexpected = String::new();
    for (number, group) in groups.iter().enumerate() {
        if number > 0 {
            site.manifest(&group.manifest);
            host.reload("swapped").await;
        }
        let logs = group.manifest.contains("\"logger\"");
        for case in &group.cases {
            let mut rack = case.ask(ruby.address(group)).await;
            let mut here = case.ask(host.address()).await;
            if logs {
                rack.log(&ruby.line().await);
                here.log(host.message(" HTTP/1.1\" ").await.message());
            }
            compare(
                &site,
                group,
                case,
                [rack, here],
                &mut deviations,
                &mut unexpected,
            );
        }
    }
    assert!(
        unexpected.is_empty(),
        "differences from Rack that deviations.toml does not explain:\n{unexpected}"
    );
    let unused = deviations.unused();
    assert!(
        unused.is_empty(),
        "these deviations no longer occur:\n{unused}"
    );
    eprintln!(
        "{cases} cases, {} fields that differ for a reason",
        deviations.seen()
    );
}

/// Compares two responses. Adds differences that no deviation explains to `unexpected`.
fn compare(
    site: &Site,
    group: &Group,
    case: &Case,
    answers: [Answer; 2],
    deviations: &mut Deviations,
    unexpected: &mut String,
) {
    let name = format!("{}/{}", group.name, case.name);
    let [rack, here] = answers.map(|answer| answer.fields(case, site.path()));
    let mut fields: Vec<&String> = rack.keys().chain(here.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    for field in fields {
        let of = |fields: &BTreeMap<String, String>| fields.get(field).cloned().unwrap_or_default();
        let (rack, here) = (of(&rack), of(&here));
        if rack != here && !deviations.explain(&name, field, &rack, &here) {
            let _ = writeln!(
                unexpected,
                "{name}: {field}\n  rack: {rack:?}\n  here: {here:?}"
            );
        }
    }
}

/// The plugins of all manifests.
fn plugins(groups: &[Group]) -> Vec<&'static str> {
    const ALL: &[&str] = &[
        "answers",
        "basic-auth",
        "conditional-get",
        "config",
        "content-length",
        "content-type",
        "deflater",
        "directory",
        "etag",
        "files",
        "head",
        "lock",
        "logger",
        "method-override",
        "null-logger",
        "runtime",
        "sendfile",
        "session",
        "show-exceptions",
        "show-status",
        "static",
        "visits",
    ];
    let named = |plugin: &&&str| {
        let quoted = format!("\"{plugin}\"");
        groups.iter().any(|group| group.manifest.contains(&quoted))
    };
    ALL.iter().filter(named).copied().collect()
}

/// The files that both serve, all with the same time.
fn files(site: &Path) {
    let root = site.join("files");
    fs::create_dir_all(root.join("sub")).expect("a directory");
    let packed = "a text that is there compressed as well\n";
    let texts = [
        ("hello.txt", "Hello, World!\n"),
        ("hello.txt.bak", "old\n"),
        ("page.html", "<p>a page</p>\n"),
        ("style.css", "p {}\n"),
        ("font.woff2", "not a font\n"),
        ("LICENCE", "as you like\n"),
        ("data.unknown", "data\n"),
        ("empty.txt", ""),
        ("a file.txt", "with a space\n"),
        ("a+file.txt", "with a plus\n"),
        ("packed.txt", packed),
        (".hidden", "hidden\n"),
        ("sub/inner.txt", "inner\n"),
        ("sub/index.html", "<p>an index</p>\n"),
        ("../secret.txt", "secret\n"),
    ];
    for (name, text) in texts {
        fs::write(root.join(name), text).expect("a file");
    }
    let gz = File::create(root.join("packed.txt.gz")).expect("a file");
    let mut gz = flate2::write::GzEncoder::new(gz, flate2::Compression::default());
    std::io::Write::write_all(&mut gz, packed.as_bytes()).expect("a file");
    gz.finish().expect("a file");
    for (link, to) in [("link.txt", "hello.txt"), ("leaves.txt", "../secret.txt")] {
        std::os::unix::fs::symlink(to, root.join(link)).expect("a link");
    }
    // 1 January 2026.
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    for (name, _) in texts
        .into_iter()
        .chain([("packed.txt.gz", ""), ("sub", "")])
    {
        let file = File::open(root.join(name)).expect("a file");
        file.set_modified(changed).expect("a time");
    }
}

impl Case {
    /// The response of the server at `address`.
    async fn ask(&self, address: &str) -> Answer {
        let mut connection = Connection::tcp(address).await;
        connection.send(&self.request).await;
        let head = connection.head().await;
        // A response without a body may have a content-length.
        if self.is_head() || matches!(head.status, 204 | 304) {
            return Answer::new(head, Vec::new());
        }
        let body = connection.body(&head).await;
        Answer::new(head, body.expect("a complete response"))
    }
}
