use super::*;

fn edit(level: &str, index: usize, plugin: &str, change: Change) -> Edit {
    Edit {
        level: level.to_owned(),
        index,
        plugin: plugin.to_owned(),
        change,
    }
}

#[track_caller]
fn becomes(text: &str, edit: &Edit, wanted: &str) {
    assert_eq!(edited(text, edit).unwrap(), wanted);
}

const LINES: &str = r#"# what people see first
use = [
  "logger", # every request
  # only for browsers
  { plugin = "deflater", config = { level = 3 } },
  "etag",
]
run = "hello" # the app
"#;

#[test]
fn move_carries_comments_with_entry() {
    becomes(
        LINES,
        &edit("", 0, "logger", Change::Move(2)),
        r#"# what people see first
use = [
  # only for browsers
  { plugin = "deflater", config = { level = 3 } },
  "etag",
  "logger", # every request
]
run = "hello" # the app
"#,
    );
    becomes(
        LINES,
        &edit("", 2, "etag", Change::Move(0)),
        r#"# what people see first
use = [
  "etag",
  "logger", # every request
  # only for browsers
  { plugin = "deflater", config = { level = 3 } },
]
run = "hello" # the app
"#,
    );
}

#[test]
fn move_in_one_line_list_keeps_one_line() {
    let text = "use = [\"a\", \"b\", \"c\"]\nrun = \"x\"\n";
    let wanted = "use = [\"c\", \"a\", \"b\"]\nrun = \"x\"\n";
    becomes(text, &edit("", 2, "c", Change::Move(0)), wanted);
    let text = "use = [ \"a\", \"b\" ]\nrun = \"x\"\n";
    let wanted = "use = [ \"b\", \"a\" ]\nrun = \"x\"\n";
    becomes(text, &edit("", 0, "a", Change::Move(1)), wanted);
}

#[test]
fn off_then_on_restores_text() {
    let off = edited(LINES, &edit("", 0, "logger", Change::Off(true))).unwrap();
    assert!(
        off.contains("  { plugin = \"logger\", off = true }, # every request\n"),
        "{off}"
    );
    becomes(&off, &edit("", 0, "logger", Change::Off(false)), LINES);
    let off = edited(LINES, &edit("", 1, "deflater", Change::Off(true))).unwrap();
    assert!(
        off.contains("{ plugin = \"deflater\", config = { level = 3 }, off = true },"),
        "{off}"
    );
    becomes(&off, &edit("", 1, "deflater", Change::Off(false)), LINES);
}

const HEADERS: &str = r#"run = "hello"

# one
[[use]]
plugin = "a"
  # deep
  [use.config]
  x = 1
  [use.config.y]
  z = 2

# the map
[[map]]
path = "/m"
run = "m"
  [[map.use]]
  plugin = "m1"
  [[map.use]]
  plugin = "m2"

# two
[[use]]
plugin = "b"
"#;

#[test]
fn move_carries_subtables_with_header() {
    becomes(
        HEADERS,
        &edit("", 1, "b", Change::Move(0)),
        r#"run = "hello"

# two
[[use]]
plugin = "b"

# one
[[use]]
plugin = "a"
  # deep
  [use.config]
  x = 1
  [use.config.y]
  z = 2

# the map
[[map]]
path = "/m"
run = "m"
  [[map.use]]
  plugin = "m1"
  [[map.use]]
  plugin = "m2"
"#,
    );
    let swapped = edited(HEADERS, &edit("map.0", 0, "m1", Change::Move(1))).unwrap();
    let (m1, m2) = (swapped.find("\"m1\""), swapped.find("\"m2\""));
    assert!(m1 > m2, "{swapped}");
    let off = edited(HEADERS, &edit("", 1, "b", Change::Off(true))).unwrap();
    assert!(off.ends_with("plugin = \"b\"\noff = true\n"), "{off}");
    becomes(&off, &edit("", 1, "b", Change::Off(false)), HEADERS);
}

#[test]
fn stale_edit_is_refused() {
    for edit in [
        edit("", 0, "etag", Change::Move(1)),
        edit("", 3, "logger", Change::Move(1)),
        edit("", 0, "logger", Change::Move(3)),
        edit("map.0", 0, "logger", Change::Off(true)),
        edit("use.0", 0, "logger", Change::Off(true)),
        edit("map", 0, "logger", Change::Off(true)),
    ] {
        let refused = edited(LINES, &edit);
        assert!(matches!(refused, Err(EditError::Changed)), "{refused:?}");
    }
    let broken = edited("use = [", &edit("", 0, "a", Change::Move(0)));
    assert!(matches!(broken, Err(EditError::Invalid(_))));
}

#[test]
fn directives_include_entries_that_are_off() {
    let text = r#"
use = ["a", { plugin = "b#c", off = true }]
cascade = [{ use = ["d"], run = "x" }, "y"]
[[map]]
path = "/m"
cascade = [{ run = "z" }]
"#;
    let lists: Vec<_> = directives(text)
        .into_iter()
        .map(|list| {
            let uses: Vec<_> = list
                .uses
                .iter()
                .map(|one| format!("{}{}", one.plugin, if one.off { " off" } else { "" }))
                .collect();
            format!("{}: {}", list.level, uses.join(", "))
        })
        .collect();
    let wanted = [
        ": a, b#c off",
        "map.0: ",
        "map.0.cascade.0: ",
        "cascade.0: d",
    ];
    assert_eq!(lists, wanted);
}

#[test]
fn undo_restores_text_unless_file_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.ru.toml");
    std::fs::write(&path, LINES).unwrap();
    let mut history = History::default();
    let change = edit("", 0, "logger", Change::Move(1));
    history.edit(&path, &change).unwrap();
    let off = edit("", 1, "logger", Change::Off(true));
    history.edit(&path, &off).unwrap();
    assert!(history.undoable(&std::fs::read_to_string(&path).unwrap()));
    history.undo(&path).unwrap();
    history.undo(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), LINES);
    assert!(matches!(history.undo(&path), Err(EditError::NothingToUndo)));
    history.edit(&path, &change).unwrap();
    std::fs::write(&path, "run = \"x\"\n").unwrap();
    assert!(!history.undoable("run = \"x\"\n"));
    assert!(matches!(history.undo(&path), Err(EditError::ChangedSince)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "run = \"x\"\n");
}

/// Each text, its edit, and what it becomes; also with CRLF, and with a byte order mark.
#[track_caller]
fn becomes_whatever_the_line_endings(text: &str, edit: &Edit, wanted: &str) {
    becomes(text, edit, wanted);
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    becomes(&windows(text), edit, &windows(wanted));
}

#[test]
fn edit_preserves_line_endings_and_byte_order_mark() {
    becomes_whatever_the_line_endings(
        LINES,
        &edit("", 0, "logger", Change::Move(1)),
        r#"# what people see first
use = [
  # only for browsers
  { plugin = "deflater", config = { level = 3 } },
  "logger", # every request
  "etag",
]
run = "hello" # the app
"#,
    );
    for off in [true, false] {
        let edit = edit("", 1, "b", Change::Off(off));
        let before = edited(
            HEADERS,
            &Edit {
                change: Change::Off(!off),
                ..edit.clone()
            },
        )
        .unwrap();
        let wanted = edited(&before, &edit).unwrap();
        becomes_whatever_the_line_endings(&before, &edit, &wanted);
    }
    // The endings of the lines that move are their own.
    becomes(
        "use = [\r\n  \"a\",\n  \"b\",\r\n]\nrun = \"x\"",
        &edit("", 1, "b", Change::Move(0)),
        "use = [\r\n  \"b\",\n  \"a\",\r\n]\nrun = \"x\"",
    );
}

#[test]
fn edit_preserves_the_order_of_dotted_keys() {
    becomes(
        "limits.connections = 5\nrun = \"x\"\nlimits.body_bytes = 1\nuse = [\"a\", \"b\"]\n",
        &edit("", 0, "a", Change::Move(1)),
        "limits.connections = 5\nrun = \"x\"\nlimits.body_bytes = 1\nuse = [\"b\", \"a\"]\n",
    );
}

#[test]
fn comment_of_the_list_stays_when_an_entry_moves() {
    becomes_whatever_the_line_endings(
        r#"use = [ # outermost first
  # -- logs

  # of a
  "a", # behind a
  "b" # behind b
  # of nothing
]
run = "x"
"#,
        &edit("", 0, "a", Change::Move(1)),
        r#"use = [ # outermost first
  # -- logs

  "b", # behind b
  # of a
  "a" # behind a
  # of nothing
]
run = "x"
"#,
    );
    becomes_whatever_the_line_endings(
        "use = [\"a\", \"b\" # behind b\n]\nrun = \"x\"\n",
        &edit("", 1, "b", Change::Move(0)),
        "use = [\"b\", # behind b\n \"a\"\n]\nrun = \"x\"\n",
    );
}

#[test]
fn comment_of_the_file_stays_when_a_header_moves() {
    becomes_whatever_the_line_endings(
        r#"# the site

# of a
[[use]]
plugin = "a" # behind a
# below a

# -- then

[[use]]
plugin = "b"

[[use]]
plugin = "c"

[run]
plugin = "x"
"#,
        &edit("", 0, "a", Change::Move(1)),
        r#"# the site

# -- then

[[use]]
plugin = "b"

# of a
[[use]]
plugin = "a" # behind a
# below a

[[use]]
plugin = "c"

[run]
plugin = "x"
"#,
    );
}

#[test]
fn first_and_last_header_change_places() {
    let text = "[[use]]\nplugin = \"a\"\n\n[[use]]\nplugin = \"b\"";
    let wanted = "[[use]]\nplugin = \"b\"\n\n[[use]]\nplugin = \"a\"";
    becomes_whatever_the_line_endings(text, &edit("", 0, "a", Change::Move(1)), wanted);
    becomes_whatever_the_line_endings(text, &edit("", 1, "b", Change::Move(0)), wanted);
    let off = "[[use]]\nplugin = \"a\"\n\n[[use]]\nplugin = \"b\"\noff = true";
    becomes_whatever_the_line_endings(text, &edit("", 1, "b", Change::Off(true)), off);
    becomes_whatever_the_line_endings(off, &edit("", 1, "b", Change::Off(false)), text);
}

#[test]
fn header_moves_past_a_table_between_it_and_its_config() {
    becomes(
        "[[use]]\nplugin = \"a\"\n[server]\n[use.config]\nx = 1\n[[use]]\nplugin = \"b\"\n[run]\nplugin = \"x\"\n",
        &edit("", 0, "a", Change::Move(1)),
        "[server]\n[[use]]\nplugin = \"b\"\n[[use]]\nplugin = \"a\"\n[use.config]\nx = 1\n[run]\nplugin = \"x\"\n",
    );
}

#[test]
fn off_is_set_in_every_form() {
    for (text, wanted) in [
        (
            "{ plugin = \"a\", off = false }",
            "{ plugin = \"a\", off = true }",
        ),
        ("{plugin=\"a\"}", "{plugin=\"a\", off = true}"),
        ("'a'", "{ plugin = 'a', off = true }"),
    ] {
        let manifest = |entry: &str| format!("use = [{entry}]\nrun = \"x\"\n");
        let edit = edit("", 0, "a", Change::Off(true));
        becomes(&manifest(text), &edit, &manifest(wanted));
    }
    for (text, wanted) in [
        (
            "{ off = true, plugin = \"a\", only = \"test\" }",
            "{ plugin = \"a\", only = \"test\" }",
        ),
        (
            "{ plugin = \"a\", off = true, only = \"test\" }",
            "{ plugin = \"a\", only = \"test\" }",
        ),
    ] {
        let manifest = |entry: &str| format!("use = [{entry}]\nrun = \"x\"\n");
        let edit = edit("", 0, "a", Change::Off(false));
        becomes(&manifest(text), &edit, &manifest(wanted));
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn line() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["", "# one", "  # two", "\t"])
    }

    /// A manifest of three `use`, in one of two forms, with comments and blank lines between.
    fn manifest() -> impl Strategy<Value = String> {
        let lines = prop::collection::vec(prop::collection::vec(line(), 0..3), 4);
        let behind = prop::collection::vec(prop::sample::select(vec!["", " # behind"]), 3);
        (lines, behind, any::<[bool; 4]>()).prop_map(
            |(lines, behind, [headers, windows, mark, ends])| {
                let mut all: Vec<String> = Vec::new();
                for (index, name) in ["a", "b", "c"].iter().enumerate() {
                    all.extend(lines[index].iter().map(|line| (*line).to_owned()));
                    all.push(match headers {
                        true => format!("[[use]]\nplugin = \"{name}\"{}", behind[index]),
                        false => format!("  \"{name}\",{}", behind[index]),
                    });
                }
                all.extend(lines[3].iter().map(|line| (*line).to_owned()));
                let all = all.join("\n");
                let text = match headers {
                    true => format!("run = \"x\"\n{all}"),
                    false => format!("use = [\n{all}\n]\nrun = \"x\""),
                };
                let text = if ends { text + "\n" } else { text };
                let text = if windows {
                    text.replace('\n', "\r\n")
                } else {
                    text
                };
                if mark {
                    format!("\u{feff}{text}")
                } else {
                    text
                }
            },
        )
    }

    fn names(text: &str) -> Vec<String> {
        let uses = directives(text).swap_remove(0).uses;
        uses.into_iter().map(|one| one.plugin).collect()
    }

    fn sorted_lines(text: &str) -> Vec<&str> {
        let mut lines: Vec<_> = text.split_inclusive('\n').map(str::trim_end).collect();
        lines.sort_unstable();
        lines
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn move_reorders_entries_and_loses_no_line(text in manifest(), from in 0..3_usize, to in 0..3_usize) {
            let mut wanted = names(&text);
            let moved = wanted.remove(from);
            wanted.insert(to, moved.clone());
            let after = edited(&text, &edit("", from, &moved, Change::Move(to))).unwrap();
            prop_assert_eq!(names(&after), wanted, "{}", after);
            let trimmed = |text: &str| text.trim_end().replace("\u{feff}", "");
            let (lines, lines_before) = (trimmed(&after), trimmed(&text));
            prop_assert_eq!(sorted_lines(&lines), sorted_lines(&lines_before), "{:?}\n{:?}", text, after);
            prop_assert_eq!(after.starts_with('\u{feff}'), text.starts_with('\u{feff}'));
            if text.contains("\r\n") {
                prop_assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
            }
        }

        #[test]
        fn off_then_on_restores_any_text(text in manifest(), index in 0..3_usize) {
            let plugin = names(&text)[index].clone();
            let off = edited(&text, &edit("", index, &plugin, Change::Off(true))).unwrap();
            prop_assert!(off != text);
            prop_assert_eq!(edited(&off, &edit("", index, &plugin, Change::Off(false))).unwrap(), text);
        }
    }
}
