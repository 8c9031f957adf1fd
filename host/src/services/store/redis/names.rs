//! The names of the keys in Redis.

/// The names of one namespace's keys.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The prefix and the namespace as hash tag.
    base: String,
}

impl Names {
    pub(super) fn new(prefix: &str, namespace: &str) -> Self {
        Self {
            base: format!("{prefix}:{{{namespace}}}:"),
        }
    }

    /// What the names of all entries begin with.
    pub(super) fn entries(&self) -> String {
        format!("{}e:", self.base)
    }

    pub(super) fn entry(&self, key: &[u8]) -> Vec<u8> {
        [self.base.as_bytes(), b"e:", key].concat()
    }

    pub(super) fn version(&self) -> String {
        format!("{}version", self.base)
    }

    pub(super) fn keys(&self) -> String {
        format!("{}keys", self.base)
    }

    pub(super) fn ends(&self) -> String {
        format!("{}ends", self.base)
    }
}

/// The namespace whose list of keys has this name.
pub(super) fn namespace_of<'n>(prefix: &str, name: &'n str) -> Option<&'n str> {
    let rest = name.strip_prefix(prefix)?.strip_prefix(":{")?;
    let namespace = rest.strip_suffix("}:keys")?;
    (!namespace.contains(['{', '}'])).then_some(namespace)
}

/// The bounds, as ZRANGEBYLEX takes them, of the keys that begin with `prefix` and follow `after`.
pub(super) fn bounds(prefix: &[u8], after: Option<&[u8]>) -> (Vec<u8>, Vec<u8>) {
    let from = match after {
        Some(after) if after >= prefix => [b"(", after].concat(),
        _ => [b"[", prefix].concat(),
    };
    // The first text after all that begin with the prefix: with its last byte one higher, without those that are the highest.
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX);
    let to = match kept.and_then(|last| prefix.get(..=last)) {
        Some(kept) => {
            let mut to = [b"(", kept].concat();
            if let Some(last) = to.last_mut() {
                *last += 1;
            }
            to
        }
        None => b"+".to_vec(),
    };
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_namespace_have_its_name_as_hash_tag() {
        let names = Names::new("stackup", "sessions");
        assert_eq!(names.entry(b"a}"), b"stackup:{sessions}:e:a}");
        assert_eq!(names.entries(), "stackup:{sessions}:e:");
        assert_eq!(names.version(), "stackup:{sessions}:version");
    }

    #[test]
    fn namespace_is_read_from_its_list() {
        let names = Names::new("p", "sessions");
        assert_eq!(namespace_of("p", &names.keys()), Some("sessions"));
        // An entry may have such a key.
        assert_eq!(namespace_of("p", "p:{n}:e:x}:keys"), None);
        assert_eq!(namespace_of("q", &names.keys()), None);
    }

    #[test]
    fn bounds_cover_a_prefix() {
        let of = |prefix: &[u8], after: Option<&[u8]>| bounds(prefix, after);
        assert_eq!(of(b"", None), (b"[".to_vec(), b"+".to_vec()));
        assert_eq!(of(b"ab", None), (b"[ab".to_vec(), b"(ac".to_vec()));
        assert_eq!(
            of(b"a\xff\xff", None),
            (b"[a\xff\xff".to_vec(), b"(b".to_vec())
        );
        assert_eq!(of(b"\xff", None), (b"[\xff".to_vec(), b"+".to_vec()));
        let after = of(b"ab", Some(b"abc"));
        assert_eq!(after, (b"(abc".to_vec(), b"(ac".to_vec()));
        // Before the prefix: the whole prefix follows.
        assert_eq!(of(b"ab", Some(b"aa")).0, b"[ab");
    }
}
