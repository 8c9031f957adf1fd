//! The cookie itself (RFC 6265).

use cookie::{Cookie, time};
use stackup_plugin::{Headers, header};

/// What browsers take: name and value together.
const LARGEST: usize = 4096;
/// A client may send several of one name, of several paths and domains. The first that opens counts.
const MOST: usize = 4;

/// The cookie with its attributes, and no value.
pub(crate) struct Jar {
    pub(crate) blank: Cookie<'static>,
    /// How long browsers keep it, in seconds; none: until they end.
    pub(crate) max_age: Option<u64>,
}

impl Jar {
    /// The values that the client sent.
    pub(crate) fn sent(&self, headers: Headers<'_>) -> Vec<String> {
        let fields = headers.get_all(header::COOKIE);
        let fields = fields.filter_map(|field| field.to_str());
        let cookies = fields.flat_map(|field| Cookie::split_parse(field).flatten());
        let ours = cookies.filter(|cookie| cookie.name() == self.blank.name());
        let fits = ours.filter(|cookie| self.fits(cookie.value()));
        fits.take(MOST)
            .map(|cookie| cookie.value().to_owned())
            .collect()
    }

    fn fits(&self, value: &str) -> bool {
        self.blank.name().len() + value.len() <= LARGEST
    }

    /// A line of `set-cookie`, unless browsers would not take it.
    pub(crate) fn cookie(&self, value: &str) -> Option<String> {
        let mut cookie = self.blank.clone();
        cookie.set_value(value);
        let seconds = self.max_age.map(|age| age.min(i64::MAX as u64) as i64);
        cookie.set_max_age(seconds.map(time::Duration::seconds));
        self.fits(value).then(|| cookie.to_string())
    }

    /// The line that makes the client forget it.
    pub(crate) fn removal(&self) -> String {
        let mut cookie = self.blank.clone();
        cookie.make_removal();
        cookie.to_string()
    }
}
