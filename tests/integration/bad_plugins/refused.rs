//! Refused candidates: the message is complete, and the active stack keeps serving.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::workspace_copy::{Edit, WorkspaceCopy};
use stackup_tests::{Host, Site, artifacts};

/// The active stack, which no case may affect.
fn good(mark: &str) -> String {
    format!("run = \"probe\"\n\n[[use]]\nplugin = \"stamp\"\nconfig = {{ mark = \"{mark}\" }}\n")
}

/// A candidate that must be refused.
struct BadCandidate {
    /// The plugin that its manifest names, or the case's name.
    name: &'static str,
    place: fn(&Site),
    manifest: &'static str,
    /// The parts of the message: what failed, where, and how to fix it.
    says: &'static [&'static str],
}

/// Serves a good stack, offers each candidate during a request, and then swaps to another good stack.
async fn assert_refused(cases: &[BadCandidate]) {
    let site = Site::new(&good("before"), &["probe", "stamp"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    for (number, bad) in cases.iter().enumerate() {
        let before = connection.get("/").await;
        assert_eq!(before.status(), 200, "{} before", bad.name);
        let generation = before.header("x-stackup-generation").map(str::to_owned);
        // Half of the body: the app waits for the rest.
        let head = "POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf";
        connection.send(head).await;
        host.message("probe: reading").await;

        (bad.place)(&site);
        site.manifest(bad.manifest);
        // One change may be refused twice: its files are watched from the first refusal on.
        let what = format!("refusal of `{}` that says all of {:?}", bad.name, bad.says);
        host.log()
            .take(&what, |record| {
                record.text("outcome") == "refused"
                    && bad
                        .says
                        .iter()
                        .all(|text| record.text("error").contains(text))
            })
            .await;

        connection.send("half").await;
        let during = connection.response().await;
        assert_eq!(during.text(), "8", "{} during", bad.name);
        assert_eq!(
            during.header("x-stackup-generation"),
            generation.as_deref(),
            "{} during",
            bad.name
        );
        let after = connection.get("/").await;
        assert_eq!(
            after.header("x-stackup-generation"),
            generation.as_deref(),
            "{} after",
            bad.name
        );
        let mark = format!("after {number}");
        site.manifest(&good(&mark));
        host.log()
            .take("swap", |record| record.text("outcome") == "swapped")
            .await;
        let next = connection.get("/").await;
        assert_eq!(next.header("x-mark"), Some(&*mark), "{next}");
    }
}

#[tokio::test]
async fn non_plugins_are_refused() {
    assert_refused(&[
        BadCandidate {
            name: "missing",
            place: |_| {},
            manifest: "run = \"missing\"\n",
            says: &[
                "`missing` is not there",
                "config.ru.toml:1:",
                "libmissing.so",
                "[plugins] path",
            ],
        },
        BadCandidate {
            name: "text",
            place: |site| site.library("text", b"#include <stdio.h>\n"),
            manifest: "run = \"text\"\n",
            says: &[
                "libtext.so` is refused at describe",
                "not a library, but text",
            ],
        },
        BadCandidate {
            name: "empty",
            place: |site| site.library("empty", b""),
            manifest: "run = \"empty\"\n",
            says: &["the file is empty", "build or copy it again"],
        },
        BadCandidate {
            name: "truncated",
            place: |site| {
                let whole = read(artifacts::plugin("hello"));
                site.library("truncated", &whole[..whole.len() / 2]);
            },
            manifest: "run = \"truncated\"\n",
            says: &["truncated or damaged", "build or copy it again"],
        },
        BadCandidate {
            name: "program",
            place: |site| site.library("program", &read("/bin/true".as_ref())),
            manifest: "run = \"program\"\n",
            says: &["a program, not a library", "crate-type = [\"cdylib\"]"],
        },
        BadCandidate {
            name: "folder",
            place: |site| {
                let folder = site.path().join("plugins/libfolder.so");
                fs::create_dir(folder).unwrap();
            },
            manifest: "run = \"folder\"\n",
            says: &["libfolder.so", "not a regular file"],
        },
        BadCandidate {
            name: "not-a-plugin",
            place: |site| site.plugin("not-a-plugin"),
            manifest: "run = \"not-a-plugin\"\n",
            says: &["not a stackup plugin", "stackup_plugin::export!"],
        },
        BadCandidate {
            name: "without-root",
            place: |site| {
                let hello = read(artifacts::plugin("hello"));
                let library = patched(&hello, "stackup_plugin_root", "stackup_plugin_roof");
                site.library("without-root", &library);
            },
            manifest: "run = \"without-root\"\n",
            says: &["it has no symbol `stackup_plugin_root`", "export!"],
        },
        BadCandidate {
            name: "writable",
            place: |site| {
                site.library("writable", &read(artifacts::plugin("hello")));
                let file = site.path().join("plugins/libwritable.so");
                fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
            },
            manifest: "run = \"writable\"\n",
            says: &[
                "refused at trust",
                "is world-writable",
                "chmod o-w",
                "trust = \"any\"",
            ],
        },
        BadCandidate {
            name: "writable-folder",
            place: |site| {
                let folder = site.path().join("shared");
                fs::create_dir(&folder).unwrap();
                site.file(
                    "shared/libwritable_folder.so",
                    read(artifacts::plugin("hello")),
                );
                fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
            },
            manifest: concat!(
                "run = \"writable-folder\"\n",
                "[plugins]\npath = [\"shared\", \"plugins\"]\n"
            ),
            says: &[
                "libwritable_folder.so` is refused at trust",
                "is world-writable",
                "/shared` is world-writable (mode 0777)",
                "config.ru.toml:1:7",
            ],
        },
        BadCandidate {
            name: "pinned",
            place: |site| site.library("pinned", &read(artifacts::plugin("hello"))),
            manifest: concat!(
                "[run]\nplugin = \"pinned\"\n",
                "sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n"
            ),
            says: &["does not match its pin", "e3b0c44298fc1c14", "pin its hash"],
        },
    ])
    .await;
}

#[tokio::test]
async fn writable_library_loads_with_trust_any() {
    let site = Site::new("run = \"hello\"\n[plugins]\ntrust = \"any\"\n", &["hello"]);
    for (path, mode) in [("plugins/libhello.so", 0o666), ("plugins", 0o777)] {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(site.path().join(path), permissions).unwrap();
    }
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.status(), 200);
    site.manifest("run = \"hello\"\n");
    let refused = host.reload("refused").await;
    let error = refused.text("error");
    assert!(error.contains("is world-writable"), "{error}");
    assert_eq!(host.get("/").await.status(), 200);
}

#[tokio::test]
async fn incompatible_plugins_are_refused() {
    assert_refused(&[
        BadCandidate {
            name: "rootless",
            place: |site| {
                let symbol: &[u8] = b"stackup_plugin_root";
                let library = patched_plugin("hello", symbol, b"stackup_plugin_r00t");
                site.library("rootless", &library);
            },
            manifest: "run = \"rootless\"\n",
            says: &["refused at load", "no symbol `stackup_plugin_root`"],
        },
        BadCandidate {
            name: "misdescribed",
            place: |site| {
                let library =
                    patched_plugin("hello", b"handler=app hello\n", b"handler=app jello\n");
                site.library("misdescribed", &library);
            },
            manifest: "run = \"misdescribed\"\n",
            says: &["described in its library, but not exported"],
        },
        BadCandidate {
            name: "aborts",
            place: |site| site.plugin("aborts"),
            manifest: "run = \"aborts\"\n",
            says: &[
                "built with panic = \"abort\"",
                "build it with panic = \"unwind\"",
            ],
        },
        BadCandidate {
            name: "another-version",
            place: |site| site.library("another-version", &another_version()),
            manifest: "run = \"another-version\"\n",
            says: &[
                "ABI 0.2, this stackup speaks 0.1",
                "rebuild the plugin with stackup-plugin 0.1.x",
            ],
        },
        BadCandidate {
            name: "another-layout",
            place: |site| site.library("another-layout", &another_layout()),
            manifest: "run = \"another-layout\"\n",
            says: &[
                "refused at load",
                "LogRecord",
                "level",
                "u16",
                "rebuild the plugin",
            ],
        },
        BadCandidate {
            name: "hello",
            place: |site| site.plugin("hello"),
            manifest: "use = [\"hello\"]\nrun = \"probe\"\n",
            says: &[
                "`use` takes a middleware",
                "put it under `run`",
                "config.ru.toml:1:",
            ],
        },
    ])
    .await;
}

#[tokio::test]
async fn failing_init_is_refused() {
    assert_refused(&[
        BadCandidate {
            name: "bad-init",
            place: |site| site.plugin("bad-init"),
            manifest: "[run]\nplugin = \"bad-init\"\nconfig = { how = \"error\" }\n",
            says: &[
                "`bad-init` can't be built: the cellar is flooded",
                "config.ru.toml:2:",
            ],
        },
        BadCandidate {
            name: "bad-init",
            place: |_| {},
            manifest: "[run]\nplugin = \"bad-init\"\n[run.config]\nhow = \"\"\n\
                       [[run.config.rooms]]\ndoors = 1\n[[run.config.rooms]]\ndoors = 0\n",
            says: &["a room needs a door", "config.ru.toml:8:", "doors = 0"],
        },
        BadCandidate {
            name: "bad-init",
            place: |_| {},
            manifest: "[run]\nplugin = \"bad-init\"\nconfig = { how = 7 }\n",
            says: &["`how` must be a string", "config.ru.toml:3:"],
        },
        BadCandidate {
            name: "bad-init",
            place: |_| {},
            manifest: "[run]\nplugin = \"bad-init\"\nconfig = { how = \"\", roms = [] }\n",
            says: &["unknown key `roms`", "`rooms`", "config.ru.toml:3:"],
        },
        BadCandidate {
            name: "bad-init",
            place: |_| {},
            // Serde would accept it, and `init` would abort: the schema rejects it first.
            manifest: "[run]\nplugin = \"bad-init\"\n\
                       config = { how = \"abort\", rooms = [{ doors = 10 }] }\n",
            says: &["`rooms[0].doors` is out of range", "config.ru.toml:3:46"],
        },
        BadCandidate {
            name: "panics",
            place: |site| site.plugin("panics"),
            manifest: "[run]\nplugin = \"panics\"\nconfig = { at_init = true }\n",
            says: &[
                "`panics` panicked in init: on purpose, in init",
                "panics/src/lib.rs:",
            ],
        },
        BadCandidate {
            name: "hello",
            place: |site| site.plugin("hello"),
            manifest: "[run]\nplugin = \"hello\"\nconfig = { greeting = \"hi\" }\n",
            says: &["this handler takes no config", "config.ru.toml:3:"],
        },
    ])
    .await;
}

/// Asserts that an `init` that exits, crashes or hangs does so in the probe's process only.
async fn assert_only_probe_ends(how: &str, limits: &str, expected: &str) {
    let site = Site::new("run = \"probe\"\n", &["probe", "bad-init"]);
    let host = Host::start(&site).await;
    site.manifest(&format!(
        "{limits}[run]\nplugin = \"bad-init\"\nconfig = {{ how = \"{how}\" }}\n"
    ));
    let refused = host.reload("refused").await;
    let error = refused.text("error");
    assert!(
        error.contains("`bad-init` is refused at probe: its `init`"),
        "{refused}"
    );
    assert!(error.contains(expected), "{refused}");
    assert_eq!(host.get("/").await.text(), "probe\n");
}

#[tokio::test]
async fn exit_in_init_ends_only_probe() {
    assert_only_probe_ends("exit", "", "ends the process (exit code").await;
}

#[tokio::test]
async fn abort_in_init_ends_only_probe() {
    assert_only_probe_ends("abort", "", "crashes (SIGABRT: it aborted)").await;
}

#[tokio::test]
async fn hanging_init_is_refused_after_timeout() {
    let limits = "[limits]\nwarmup_timeout = \"500ms\"\n";
    assert_only_probe_ends("hang", limits, "does not return within 500ms").await;
}

/// A library of this workspace with every `from` replaced.
fn patched_plugin(package: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut library = read(artifacts::plugin(package));
    let places: Vec<usize> = library
        .windows(from.len())
        .enumerate()
        .filter_map(|(at, bytes)| (bytes == from).then_some(at))
        .collect();
    assert!(!places.is_empty(), "nothing to replace");
    for at in places {
        library[at..at + from.len()].copy_from_slice(to);
    }
    library
}

fn another_version() -> Vec<u8> {
    let edit = Edit {
        file: "Cargo.toml",
        from: "[workspace.package]\nversion = \"0.1.0\"",
        to: "[workspace.package]\nversion = \"0.2.0\"",
    };
    WorkspaceCopy::plugin("another-version", "plugins/hello", &[edit])
}

fn another_layout() -> Vec<u8> {
    let edits = [
        Edit {
            file: "plugin-api/src/abi/tables.rs",
            from: "pub level: u8,",
            to: "pub level: u16,",
        },
        Edit {
            file: "plugin-api/src/abi/plugin/log.rs",
            from: "        level,\n",
            to: "        level: level.into(),\n",
        },
    ];
    WorkspaceCopy::plugin("another-layout", "plugins/hello", &edits)
}
