//! What the layers above made of a request.

use crate::{Kind, Offence};

/// A request as a layer is given it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `GET`, ….
    pub method: &'a str,
    /// What the maps above have taken of the path.
    pub script_name: &'a str,
    /// What they have left.
    pub path_info: &'a str,
    /// What `content-length` says, where it is a number.
    pub told: Option<u64>,
    /// The body's size, where that is known.
    pub has: Option<u64>,
}

impl Asked<'_> {
    /// What is wrong with it. Other shapes of paths the host refuses.
    pub fn offences(&self) -> impl Iterator<Item = Offence> + use<> {
        self.path().into_iter().chain(self.body())
    }

    fn path(&self) -> Option<Offence> {
        if self.script_name.is_empty() && self.path_info.is_empty() {
            let message = "SCRIPT_NAME and PATH_INFO are both empty";
            return Some(Offence::new(Kind::NoPath, message));
        }
        let star = self.path_info == "*" && self.method != "OPTIONS";
        let message = || {
            format!(
                "PATH_INFO is `*`, which is for OPTIONS, not {}",
                self.method
            )
        };
        star.then(|| Offence::new(Kind::Star, message()))
    }

    /// Who takes the body and wants it passed on puts it back.
    fn body(&self) -> Option<Offence> {
        let (told, has) = self.told.zip(self.has)?;
        let message = || {
            format!(
                "the request's `content-length` is {told}, but the body that goes on has {has} bytes"
            )
        };
        (told != has).then(|| Offence::new(Kind::BodyTaken, message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Asked<'_> = Asked {
        method: "GET",
        script_name: "",
        path_info: "/",
        told: None,
        has: Some(0),
    };

    fn kinds(asked: Asked<'_>) -> Vec<Kind> {
        asked.offences().map(|offence| offence.kind).collect()
    }

    #[test]
    fn paths_that_mean_something_pass() {
        assert_eq!(kinds(PLAIN), []);
        let (script_name, path_info) = ("/app", "");
        assert_eq!(
            kinds(Asked {
                script_name,
                path_info,
                ..PLAIN
            }),
            []
        );
        let (method, path_info) = ("OPTIONS", "*");
        assert_eq!(
            kinds(Asked {
                method,
                path_info,
                ..PLAIN
            }),
            []
        );
    }

    #[test]
    fn paths_that_mean_nothing_are_told() {
        assert_eq!(
            kinds(Asked {
                path_info: "",
                ..PLAIN
            }),
            [Kind::NoPath]
        );
        assert_eq!(
            kinds(Asked {
                path_info: "*",
                ..PLAIN
            }),
            [Kind::Star]
        );
    }

    #[test]
    fn a_body_has_the_length_that_is_told() {
        let body = |told, has| kinds(Asked { told, has, ..PLAIN });
        assert_eq!(body(Some(5), Some(5)), []);
        assert_eq!(body(Some(0), Some(0)), []);
        // Of a stream nothing is known, nor of chunks.
        assert_eq!(body(Some(5), None), []);
        assert_eq!(body(None, Some(5)), []);
        assert_eq!(body(Some(5), Some(0)), [Kind::BodyTaken]);
        assert_eq!(body(Some(5), Some(2)), [Kind::BodyTaken]);
    }
}
