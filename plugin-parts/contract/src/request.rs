//! Checking a request as a layer receives it.

use crate::{Kind, Violation};

/// The head of a request as a layer receives it.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// `GET`, ….
    pub method: &'a str,
    /// The part of the path that the maps above have consumed.
    pub script_name: &'a str,
    /// The rest of the path.
    pub path_info: &'a str,
    /// `content-length`, if it is a number.
    pub content_length: Option<u64>,
    /// The body's size, if known.
    pub body_size: Option<u64>,
}

impl RequestHead<'_> {
    /// The rules that it breaks. The host refuses all other malformed paths.
    pub fn violations(&self) -> impl Iterator<Item = Violation> + use<> {
        self.path().into_iter().chain(self.body())
    }

    fn path(&self) -> Option<Violation> {
        if self.script_name.is_empty() && self.path_info.is_empty() {
            let message = "SCRIPT_NAME and PATH_INFO are both empty";
            return Some(Violation::new(Kind::EmptyPath, message));
        }
        let star = self.path_info == "*" && self.method != "OPTIONS";
        let message = || {
            format!(
                "PATH_INFO is `*`, which only OPTIONS may use, not {}",
                self.method
            )
        };
        star.then(|| Violation::new(Kind::AsteriskPath, message()))
    }

    /// A layer that takes the body and passes the request on puts the body back.
    fn body(&self) -> Option<Violation> {
        let (length, size) = self.content_length.zip(self.body_size)?;
        let message = || {
            format!(
                "the request's `content-length` is {length}, but the body passed on has {size} bytes"
            )
        };
        (length != size).then(|| Violation::new(Kind::BodyTaken, message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: RequestHead<'_> = RequestHead {
        method: "GET",
        script_name: "",
        path_info: "/",
        content_length: None,
        body_size: Some(0),
    };

    fn kinds(head: RequestHead<'_>) -> Vec<Kind> {
        head.violations().map(|violation| violation.kind).collect()
    }

    #[test]
    fn valid_paths_pass() {
        assert_eq!(kinds(PLAIN), []);
        let (script_name, path_info) = ("/app", "");
        assert_eq!(
            kinds(RequestHead {
                script_name,
                path_info,
                ..PLAIN
            }),
            []
        );
        let (method, path_info) = ("OPTIONS", "*");
        assert_eq!(
            kinds(RequestHead {
                method,
                path_info,
                ..PLAIN
            }),
            []
        );
    }

    #[test]
    fn empty_path_and_asterisk_are_violations() {
        assert_eq!(
            kinds(RequestHead {
                path_info: "",
                ..PLAIN
            }),
            [Kind::EmptyPath]
        );
        assert_eq!(
            kinds(RequestHead {
                path_info: "*",
                ..PLAIN
            }),
            [Kind::AsteriskPath]
        );
    }

    #[test]
    fn body_has_its_content_length() {
        let body = |content_length, body_size| {
            kinds(RequestHead {
                content_length,
                body_size,
                ..PLAIN
            })
        };
        assert_eq!(body(Some(5), Some(5)), []);
        assert_eq!(body(Some(0), Some(0)), []);
        // A stream has no known size, and a chunked body no `content-length`.
        assert_eq!(body(Some(5), None), []);
        assert_eq!(body(None, Some(5)), []);
        assert_eq!(body(Some(5), Some(0)), [Kind::BodyTaken]);
        assert_eq!(body(Some(5), Some(2)), [Kind::BodyTaken]);
    }
}
