//! Reads `tests/differential/groups/*/cases`.

use std::fs;
use std::path::{Path, PathBuf};

use stackup_tests::artifacts;

/// One stack as `config.ru` and as `config.ru.toml`, and its requests.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) manifest: String,
    pub(super) cases: Vec<Case>,
}

/// One request.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// The bytes to send.
    pub(super) request: String,
    pub(super) body: Compared,
}

/// The part of a body that is compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// All of it.
    Whole,
    /// `[links]`: the last segments of a page's links.
    Links,
    /// `[page TEXT]`: whether the page has this text.
    Page(String),
}

/// The folder with the data of these tests.
pub(super) fn folder() -> PathBuf {
    artifacts::workspace().join("tests/differential")
}

impl Group {
    /// All of them, by name.
    pub(super) fn all() -> Vec<Self> {
        let folders = fs::read_dir(folder().join("groups")).expect("groups");
        let folders = folders.map(|entry| entry.expect("a group").path());
        let mut groups: Vec<_> = folders.map(|folder| Self::read(&folder)).collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        groups
    }

    fn read(folder: &Path) -> Self {
        let file = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let name = folder.file_name().unwrap_or_default();
        let cases = file("cases");
        let cases = cases
            .strip_prefix("== ")
            .expect("cases begin with `== NAME`");
        Self {
            name: name.to_string_lossy().into_owned(),
            folder: folder.to_owned(),
            manifest: file("config.ru.toml"),
            cases: cases.split("\n== ").map(Case::read).collect(),
        }
    }
}

impl Case {
    /// `NAME [BODY]`, a line of method and target, header lines, an empty one, the body.
    fn read(text: &str) -> Self {
        let (title, text) = text
            .trim_end()
            .split_once('\n')
            .expect("a case has a request");
        let (name, body) = match title.split_once(" [") {
            Some((name, body)) => (name, Compared::read(body.trim_end_matches(']'))),
            None => (title, Compared::Whole),
        };
        let (head, body_text) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let start = lines.next().expect("a case has a request");
        let fields: Vec<&str> = lines.collect();
        let sent = body_text.replace('\n', "\r\n");
        let mut request = format!("{start} HTTP/1.1\r\n");
        if !fields.iter().any(|field| field.starts_with("host:")) {
            request += "host: test\r\n";
        }
        for field in fields {
            request += &format!("{field}\r\n");
        }
        if !matches!(start.split(' ').next(), Some("GET" | "HEAD" | "OPTIONS")) || !sent.is_empty()
        {
            request += &format!("content-length: {}\r\n", sent.len());
        }
        request += &format!("connection: close\r\n\r\n{sent}");
        Self {
            name: name.to_owned(),
            request,
            body,
        }
    }

    pub(super) fn is_head(&self) -> bool {
        self.request.starts_with("HEAD ")
    }
}

impl Compared {
    fn read(text: &str) -> Self {
        match text.split_once(' ') {
            None if text == "links" => Self::Links,
            Some(("page", text)) => Self::Page(text.to_owned()),
            _ => panic!("unknown part of a body: `[{text}]`"),
        }
    }
}
