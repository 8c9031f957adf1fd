//! The environment variable by which the system's loader reserves room for plugins.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The variable that glibc reads when a process starts. Other C libraries ignore it.
pub(crate) const VARIABLE: &str = "GLIBC_TUNABLES";

/// How much static TLS is kept free for libraries that are loaded later. Allocators take it, and a library never gives
/// it back. glibc's default, 512 bytes, is too small for one jemalloc; this is enough for 32. Every thread has this much
/// more address space in its stack.
const STATIC_TLS: &str = "glibc.rtld.optional_static_tls=65536";

/// The variable's value for a process that loads plugins. What the user has set stays.
pub(crate) fn for_plugins() -> OsString {
    merged(std::env::var_os(VARIABLE).as_deref()).into_owned()
}

/// The value for a process that loads plugins, if this process was started with another one.
pub(crate) fn missing() -> Option<OsString> {
    let set = std::env::var_os(VARIABLE);
    match merged(set.as_deref()) {
        Cow::Owned(value) if cfg!(target_env = "gnu") => Some(value),
        Cow::Owned(_) | Cow::Borrowed(_) => None,
    }
}

/// The user's tunables and ours; borrowed if they have the same one already.
fn merged(set: Option<&OsStr>) -> Cow<'_, OsStr> {
    let name = &STATIC_TLS.as_bytes()[..=STATIC_TLS.find('=').unwrap_or_default()];
    let set = set.unwrap_or_default();
    let mut tunables = set.as_bytes().split(|byte| *byte == b':');
    if tunables.any(|tunable| tunable.starts_with(name)) {
        return Cow::Borrowed(set);
    }
    let mut value = set.as_bytes().to_vec();
    if !value.is_empty() {
        value.push(b':');
    }
    value.extend_from_slice(STATIC_TLS.as_bytes());
    Cow::Owned(OsString::from_vec(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(set: &str) -> String {
        merged(Some(set.as_ref())).to_string_lossy().into_owned()
    }

    #[test]
    fn static_tls_is_added_to_what_the_user_has_set() {
        assert_eq!(merged(None), OsStr::new(STATIC_TLS));
        assert_eq!(merge(""), STATIC_TLS);
        assert_eq!(
            merge("glibc.malloc.check=3:glibc.malloc.tcache_count=0"),
            format!("glibc.malloc.check=3:glibc.malloc.tcache_count=0:{STATIC_TLS}")
        );
        let other = "glibc.rtld.optional_static_tls_x=1";
        assert_eq!(merge(other), format!("{other}:{STATIC_TLS}"));
    }

    #[test]
    fn users_own_value_stays() {
        for own in [
            "glibc.rtld.optional_static_tls=512",
            "glibc.malloc.check=3:glibc.rtld.optional_static_tls=200000",
            STATIC_TLS,
        ] {
            assert_eq!(merge(own), own);
            assert!(matches!(merged(Some(own.as_ref())), Cow::Borrowed(_)));
        }
    }
}
