//! From the path of a URL to the names below a directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use stackup_plugin::StatusCode;

/// Names below a directory, one for each segment of a URL's path; none of them leads anywhere else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilePath {
    names: Vec<String>,
    /// Whether it ends with a slash, as that of a directory does.
    slash: bool,
}

/// Why a path names no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPath {
    /// `%` without two digits, NUL, or what is not UTF-8 when decoded.
    Encoding,
    /// A name that no file below the directory can have.
    Outside,
}

impl BadPath {
    /// The status that says so.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Encoding => StatusCode::BAD_REQUEST,
            Self::Outside => StatusCode::NOT_FOUND,
        }
    }
}

impl FilePath {
    /// Decodes a `PATH_INFO`.
    ///
    /// It is split before it is decoded, so that an encoded slash is part of a name, which no
    /// file has. The host has resolved dot segments (SPEC R8): maps and layers above have looked at the
    /// path that is opened here. They are refused nonetheless, in any spelling, so that nothing leads out
    /// of the root whatever the host does. Several slashes count as one.
    ///
    /// # Errors
    ///
    /// See [`BadPath`].
    pub fn decode(path_info: &str) -> Result<Self, BadPath> {
        let mut names = Vec::new();
        // All of it is decoded first: 400 wins over 404.
        for segment in path_info.split('/').filter(|segment| !segment.is_empty()) {
            names.push(decode(segment).ok_or(BadPath::Encoding)?);
        }
        if names.iter().any(|name| leads_away(name)) {
            return Err(BadPath::Outside);
        }
        Ok(Self {
            slash: names.is_empty() || path_info.ends_with('/'),
            names,
        })
    }

    /// The path of a file below the root as a manifest writes it; none if it leads away.
    pub fn plain(text: &str) -> Option<Self> {
        let names = text.split('/').filter(|name| !name.is_empty());
        let names: Vec<String> = names.map(str::to_owned).collect();
        let leads_away = names
            .iter()
            .any(|name| leads_away(name) || name.contains('\0'));
        (!leads_away && !names.is_empty()).then_some(Self {
            names,
            slash: false,
        })
    }

    /// Its names, from the outermost.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it ends with a slash, or is empty.
    pub fn is_directory(&self) -> bool {
        self.slash
    }

    /// The same with a further name; for one from the manifest, or one of a listing.
    #[must_use]
    pub fn join(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self.slash = false;
        self
    }

    /// The same with something behind the last name, if there is one.
    pub(crate) fn with_extension(mut self, extension: &str) -> Option<Self> {
        self.names.last_mut()?.push_str(extension);
        Some(self)
    }

    /// Whether a name begins with a dot; `.well-known` (RFC 8615) is meant to be seen.
    pub fn is_hidden(&self) -> bool {
        self.names.iter().any(|name| hidden(name.as_ref()))
    }

    /// It, decoded, with a slash before each name.
    pub fn to_text(&self) -> String {
        let slash = if self.slash { "/" } else { "" };
        let names: String = self.names.iter().map(|name| format!("/{name}")).collect();
        names + slash
    }

    pub(crate) fn below(&self, root: &Path) -> PathBuf {
        self.names
            .iter()
            .fold(root.to_path_buf(), |path, name| path.join(name))
    }
}

pub(crate) fn hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") && name != ".well-known"
}

fn decode(segment: &str) -> Option<String> {
    let mut rest = segment.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let digits = rest.get(at + 1..at + 3)?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        rest = &rest[at + 3..];
    }
    let name = percent_decode_str(segment).decode_utf8().ok()?;
    (!name.contains('\0')).then(|| name.into_owned())
}

fn leads_away(name: &str) -> bool {
    matches!(name, "." | "..") || name.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded() {
        let cases: [(&str, &[&str], bool); 9] = [
            ("", &[], true),
            ("/", &[], true),
            ("/a", &["a"], false),
            ("/a/", &["a"], true),
            ("//a///b", &["a", "b"], false),
            ("/a%20b+c", &["a b+c"], false),
            ("/%C3%A9%2e%2E%2e", &["é..."], false),
            ("/..a/...", &["..a", "..."], false),
            ("/a\\..\\b", &["a\\..\\b"], false),
        ];
        for (path, names, slash) in cases {
            let decoded = FilePath::decode(path).unwrap();
            assert_eq!(decoded.names(), names, "{path}");
            assert_eq!(decoded.is_directory(), slash, "{path}");
        }
    }

    #[test]
    fn no_spelling_leads_away() {
        for path in [
            "/..",
            "/../",
            "/../etc/passwd",
            "/a/../../b",
            "/a/..",
            "/.",
            "/a/./b",
            "/%2e%2e/a",
            "/%2E./a",
            "/.%2e",
            "/a%2fb",
            "/a%2Fb",
            "/..%2f..%2fetc",
            "/%2fetc%2fpasswd",
            "//../a",
            "..",
            "/%2F",
        ] {
            assert_eq!(FilePath::decode(path), Err(BadPath::Outside), "{path}");
        }
    }

    #[test]
    fn what_is_no_name_is_a_bad_request() {
        // The last two are overlong forms of a slash and a dot.
        for path in [
            "/%",
            "/%4",
            "/%zz",
            "/a%+1b",
            "/a%00.txt",
            "/%ff",
            "/../%00",
            "/..%c0%af",
            "/%c0%ae%c0%ae/",
        ] {
            assert_eq!(FilePath::decode(path), Err(BadPath::Encoding), "{path}");
        }
    }

    #[test]
    fn path_of_a_manifest_is_as_it_is_written() {
        let path = FilePath::plain("a%20b/c").unwrap();
        assert_eq!(path.names(), ["a%20b", "c"]);
        for text in ["", "/", "../a", "a/..", "a\0"] {
            assert_eq!(FilePath::plain(text), None, "{text}");
        }
    }

    #[test]
    fn dot_files_are_hidden() {
        for (path, hidden) in [
            ("/a.b", false),
            ("/.git/config", true),
            ("/a/.env", true),
            ("/%2eenv", true),
            ("/.well-known/a", false),
            ("/.well-known/.a", true),
        ] {
            assert_eq!(
                FilePath::decode(path).unwrap().is_hidden(),
                hidden,
                "{path}"
            );
        }
    }
}
