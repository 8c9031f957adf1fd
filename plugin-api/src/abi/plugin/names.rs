//! The names of handlers, checked at compile time: a panic here is an error of `export!`.

/// The name itself, if a manifest can contain it.
#[track_caller]
pub const fn checked_name(name: &'static str) -> &'static str {
    assert!(
        !name.is_empty(),
        "the name of a handler is empty: write one after `as`"
    );
    let bytes = name.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        assert!(
            is_name_byte(bytes[i]),
            "the name of a handler has only letters, digits, `-` and `_`"
        );
        i += 1;
    }
    name
}

/// The last segment of a path, without the `r#` of a raw identifier.
#[track_caller]
pub const fn name_of_path(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && is_name_byte(bytes[start - 1]) {
        start -= 1;
    }
    assert!(
        start < bytes.len(),
        "this handler needs a name, since its type is not a plain path: add `as \"name\"` after it"
    );
    path.split_at(start).1
}

/// The same names, if no two are the same.
#[track_caller]
pub const fn distinct<'a>(names: &'a [&'a str]) -> &'a [&'a str] {
    let mut i = 0;
    while i < names.len() {
        let mut j = 0;
        while j < i {
            assert!(
                !equal(names[i].as_bytes(), names[j].as_bytes()),
                "two handlers have the same name: add `as \"name\"` after one of them"
            );
            j += 1;
        }
        i += 1;
    }
    names
}

/// A byte of a letter or digit (of any script), or `-` or `_`.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || !byte.is_ascii()
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_path_is_last_segment_without_raw_prefix() {
        assert_eq!(name_of_path("Logger"), "Logger");
        assert_eq!(name_of_path("r#type"), "type");
        assert_eq!(name_of_path("crate :: routes :: r#match"), "match");
        assert_eq!(name_of_path("übung"), "übung");
    }

    #[test]
    #[should_panic(expected = "needs a name")]
    fn generic_type_needs_a_name() {
        name_of_path("Status<u8>");
    }

    #[test]
    #[should_panic(expected = "only letters, digits")]
    fn name_with_hash_is_rejected() {
        checked_name("a#b");
    }

    #[test]
    #[should_panic(expected = "the same name")]
    fn same_name_twice_is_rejected() {
        distinct(&["a", "b", "a"]);
    }
}
