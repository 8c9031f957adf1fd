//! What every engine may rely on: names of namespaces, sizes of keys and values.

use stackup_plugin::Store;
use stackup_plugin::abi::host::{StoreFailure, StoreFailureKind, StoreRequest};

/// The longest name of a namespace.
pub(super) const LONGEST_NAME: usize = 64;

/// A namespace's name, checked once.
pub(super) struct Namespace(Result<String, String>);

impl Namespace {
    pub(super) fn new(name: &str) -> Self {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let valid = (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed);
        Self(match valid {
            true => Ok(name.to_owned()),
            false => Err(format!(
                "the namespace {name:?} is not allowed: a name has 1 to {LONGEST_NAME} characters, `a` to `z`, \
                 digits, `-`, `_` and `.`"
            )),
        })
    }

    pub(super) fn name(&self) -> Result<&str, StoreFailure> {
        match &self.0 {
            Ok(name) => Ok(name),
            Err(message) => Err(failure(StoreFailureKind::Invalid, message.clone())),
        }
    }
}

/// Whether the request is within its limits.
pub(super) fn check(request: &StoreRequest<'_>) -> Result<(), StoreFailure> {
    let (key, value): (&[u8], &[u8]) = match request {
        StoreRequest::Get { key }
        | StoreRequest::Delete { key }
        | StoreRequest::Add { key, .. } => (key, b""),
        StoreRequest::Set { key, value, .. } | StoreRequest::CompareAndSet { key, value, .. } => {
            (key, value)
        }
        StoreRequest::Scan { .. } => return Ok(()),
    };
    if key.is_empty() {
        return Err(failure(
            StoreFailureKind::Invalid,
            "the key is empty".to_owned(),
        ));
    }
    too_large("key", key.len(), Store::MAX_KEY)?;
    too_large("value", value.len(), Store::MAX_VALUE)
}

fn too_large(what: &str, length: usize, most: usize) -> Result<(), StoreFailure> {
    if length <= most {
        return Ok(());
    }
    let message = format!("the {what} has {length} bytes, and at most {most} are allowed");
    Err(failure(StoreFailureKind::TooLarge, message))
}

pub(super) fn failure(kind: StoreFailureKind, message: String) -> StoreFailure {
    StoreFailure { kind, message }
}

pub(super) fn shutting_down() -> StoreFailure {
    let message = "the server is shutting down".to_owned();
    failure(StoreFailureKind::Unavailable, message)
}

pub(super) fn not_a_number() -> StoreFailure {
    let message = "the entry is not a number, or the sum leaves the range of a 64-bit integer";
    failure(StoreFailureKind::NotANumber, message.to_owned())
}

/// The number that a counter's value is. It is written in one way only, so that every engine takes the same.
pub(super) fn number(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_namespace_is_checked() {
        for name in ["sessions", "a", "http-cache_2.0"] {
            assert_eq!(Namespace::new(name).name(), Ok(name));
        }
        let long = "n".repeat(LONGEST_NAME + 1);
        for name in ["", "Sessions", "a b", "a/b", "ä", &long] {
            let failure = Namespace::new(name).name().unwrap_err();
            assert_eq!(failure.kind, StoreFailureKind::Invalid, "{name}");
        }
    }

    #[test]
    fn size_of_key_and_value_is_checked() {
        let (key, value) = (vec![b'k'; Store::MAX_KEY], vec![0; Store::MAX_VALUE]);
        let set = |key, value| StoreRequest::Set {
            key,
            value,
            ttl: None,
        };
        assert_eq!(check(&set(&key, &value)), Ok(()));
        let longer = [&key[..], b"k"].concat();
        assert_eq!(
            check(&set(&longer, b"")).unwrap_err().kind,
            StoreFailureKind::TooLarge
        );
        let larger = [&value[..], b"v"].concat();
        assert_eq!(
            check(&set(b"k", &larger)).unwrap_err().kind,
            StoreFailureKind::TooLarge
        );
        assert_eq!(
            check(&set(b"", b"")).unwrap_err().kind,
            StoreFailureKind::Invalid
        );
    }

    #[test]
    fn number_has_one_form() {
        assert_eq!(number(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(number(b"0"), Some(0));
        for text in [
            "",
            "+1",
            "01",
            "-0",
            " 1",
            "1 ",
            "1.0",
            "9223372036854775808",
        ] {
            assert_eq!(number(text.as_bytes()), None, "{text:?}");
        }
    }
}
