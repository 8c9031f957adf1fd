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
