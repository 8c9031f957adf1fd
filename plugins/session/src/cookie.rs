//! The session's cookie (RFC 6265).

use stackup_plugin::Request;
use stackup_plugin::cookie::{Cookie, time};

/// The maximum size in browsers, name and value together.
const MAX_SIZE: usize = 4096;
/// A client may send several cookies with this name, from other paths and domains. The first valid one counts.
const MAX_COOKIES: usize = 4;

/// The cookie's name and attributes.
pub(crate) struct SessionCookie {
    pub(crate) blank: Cookie<'static>,
    /// How long browsers keep it, in seconds; none: until they are closed.
    pub(crate) max_age: Option<u64>,
}

impl SessionCookie {
    /// The values that the client sent.
    pub(crate) fn sent(&self, req: &Request) -> Vec<String> {
        let ours = req
            .cookies()
            .filter(|cookie| cookie.name() == self.blank.name());
        let fits = ours.filter(|cookie| self.fits(cookie.value()));
        fits.take(MAX_COOKIES)
            .map(|cookie| cookie.value().to_owned())
            .collect()
    }

    fn fits(&self, value: &str) -> bool {
        self.blank.name().len() + value.len() <= MAX_SIZE
    }

    /// A `set-cookie` line; none if it is too large for browsers.
    pub(crate) fn cookie(&self, value: &str) -> Option<String> {
        let mut cookie = self.blank.clone();
        cookie.set_value(value);
        let seconds = self.max_age.map(|age| age.min(i64::MAX as u64) as i64);
        cookie.set_max_age(seconds.map(time::Duration::seconds));
        self.fits(value).then(|| cookie.to_string())
    }

    /// The `set-cookie` line that deletes it.
    pub(crate) fn removal(&self) -> String {
        let mut cookie = self.blank.clone();
        cookie.make_removal();
        cookie.to_string()
    }
}
