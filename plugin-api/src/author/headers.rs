//! The headers of a request or a response; they live in host memory.

use std::fmt;
use std::marker::PhantomData;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Weighted;
use crate::abi::plugin::headers::HeadersHandle;
use crate::abi::tables::{HeaderOutcome, SetHeader};

/// A read-only view of the headers.
#[derive(Clone, Copy)]
pub struct Headers<'a>(HeadersHandle<'a>);

/// A view of the headers for editing.
pub struct HeadersMut<'a>(HeadersHandle<'a>, PhantomData<&'a mut ()>);

/// A header's value, borrowed from the message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    pub(crate) fn new(handle: HeadersHandle<'a>) -> Self {
        Self(handle)
    }

    /// The first value of `name`.
    pub fn get(&self, name: impl AsName) -> Option<Value<'a>> {
        self.0.nth(name.as_name(), 0).map(Value)
    }

    /// The first value of `name`, if it is visible ASCII.
    pub fn text(&self, name: impl AsName) -> Option<&'a str> {
        self.get(name)?.to_str()
    }

    /// Every value of `name`, in order.
    pub fn get_all<N: AsName>(&self, name: N) -> impl Iterator<Item = Value<'a>> + use<'a, N> {
        AllOf {
            headers: self.0,
            name,
            index: 0,
            rest: None,
        }
    }

    /// Whether there is a value of `name`.
    pub fn contains(&self, name: impl AsName) -> bool {
        self.get(name).is_some()
    }

    /// The members of a weighted list (`accept`, `accept-encoding`, …), in their order, and no more than
    /// `most`. A comma ends a member, even within quotes.
    pub fn weighted(&self, name: impl AsName, most: usize) -> Vec<Weighted<'a>> {
        let lines = self.get_all(name).filter_map(Value::to_str);
        let members = lines.flat_map(|line| line.split(',')).take(most);
        members.filter_map(Weighted::parse).collect()
    }

    /// Every name and value. Names are in the order of their first appearance, each with all of its
    /// values. Removing a name may move another one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.0
            .all()
            .into_iter()
            .map(|(name, value)| (name, Value(value)))
    }

    /// Copies them into an [`http::HeaderMap`].
    pub fn to_map(&self) -> HeaderMap {
        let fields = self.0.all();
        // One buffer for all values, instead of one for each.
        let length = fields.iter().map(|(_, value)| value.len()).sum();
        let mut values = BytesMut::with_capacity(length);
        for (_, value) in &fields {
            values.extend_from_slice(value);
        }
        let mut values = values.freeze();
        let mut map = HeaderMap::try_with_capacity(fields.len()).unwrap_or_default();
        for (name, value) in fields {
            let value = HeaderValue::from_maybe_shared(values.split_to(value.len()));
            // They are valid: they come from a `HeaderMap` of the host.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
                map.append(name, value);
            }
        }
        map
    }
}

/// The values of a name.
struct AllOf<'a, N> {
    headers: HeadersHandle<'a>,
    name: N,
    index: usize,
    /// All but the first ones.
    rest: Option<std::vec::IntoIter<&'a [u8]>>,
}

/// So many values are asked for one by one. The host finds each by counting from the first, so ten thousand lines of one
/// name would cost fifty million steps; the rest is fetched at once.
const ONE_BY_ONE: usize = 64;

impl<'a, N: AsName> Iterator for AllOf<'a, N> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if let Some(rest) = &mut self.rest {
            return rest.next().map(Value);
        }
        let name = self.name.as_name();
        if self.index < ONE_BY_ONE {
            let value = self.headers.nth(name, self.index)?;
            self.index += 1;
            return Some(Value(value));
        }
        let all = self.headers.all().into_iter();
        let values = all.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let rest: Vec<_> = values.skip(self.index).map(|(_, value)| value).collect();
        self.rest.insert(rest.into_iter()).next().map(Value)
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'a> HeadersMut<'a> {
    pub(crate) fn new(handle: HeadersHandle<'a>) -> Self {
        Self(handle, PhantomData)
    }

    /// A read-only view.
    pub fn as_ref(&self) -> Headers<'_> {
        Headers(self.0)
    }

    /// Sets `name` to one value, replacing all others.
    ///
    /// # Errors
    ///
    /// An invalid name or value (RFC 9110 §5), or more than 32,768 fields.
    pub fn insert(&mut self, name: impl AsName, value: impl AsValue) -> Result<(), InvalidHeader> {
        self.set(name, value, SetHeader::Insert)
    }

    /// Adds a value to those of `name`.
    ///
    /// # Errors
    ///
    /// Same as [`insert`](Self::insert).
    pub fn append(&mut self, name: impl AsName, value: impl AsValue) -> Result<(), InvalidHeader> {
        self.set(name, value, SetHeader::Append)
    }

    fn set(
        &mut self,
        name: impl AsName,
        value: impl AsValue,
        how: SetHeader,
    ) -> Result<(), InvalidHeader> {
        let name = name.as_name();
        match self.0.set(name, value.as_value(), how) {
            HeaderOutcome::Done => Ok(()),
            outcome => Err(InvalidHeader {
                name: name.to_owned(),
                outcome,
            }),
        }
    }

    /// Removes every value of `name` and returns their number.
    pub fn remove(&mut self, name: impl AsName) -> usize {
        self.0.remove(name.as_name())
    }

    /// Removes what describes the connection and not the message (RFC 9110 §7.6.1): `connection`, the fields that it names, `keep-alive`,
    /// `proxy-connection`, `te`, `transfer-encoding` and `upgrade`. Whoever passes a request on to another server does so with the
    /// request and with the response.
    pub fn remove_connection_fields(&mut self) {
        const ALWAYS: [&str; 6] = [
            "connection",
            "keep-alive",
            "proxy-connection",
            "te",
            "transfer-encoding",
            "upgrade",
        ];
        let lines = self.as_ref().get_all("connection");
        let lines: Vec<String> = lines
            .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
            .collect();
        let named = lines.iter().flat_map(|line| line.split(',')).map(str::trim);
        for name in named.chain(ALWAYS) {
            self.remove(name);
        }
    }

    pub(crate) fn replace(&mut self, map: &HeaderMap) {
        self.0.clear();
        for (name, value) in map {
            self.0
                .set(name.as_str(), value.as_bytes(), SetHeader::Append);
        }
    }
}

impl<'a> Value<'a> {
    /// The bytes on the wire.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text, if it is visible ASCII (RFC 9110 §5.5).
    pub fn to_str(self) -> Option<&'a str> {
        let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
        self.0
            .iter()
            .all(visible)
            .then(|| std::str::from_utf8(self.0).ok())?
    }

    /// Copies it into an [`http::HeaderValue`].
    pub fn to_value(self) -> HeaderValue {
        // It is valid, since it comes from a `HeaderValue` of the host.
        HeaderValue::from_bytes(self.0).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl PartialEq<str> for Value<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

/// A name or value that is not valid in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidHeader {
    name: String,
    outcome: HeaderOutcome,
}

impl InvalidHeader {
    pub(crate) fn name(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            outcome: HeaderOutcome::BadName,
        }
    }

    pub(crate) fn value(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            outcome: HeaderOutcome::BadValue,
        }
    }
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.outcome {
            HeaderOutcome::BadName => write!(f, "`{name}` is not a header name"),
            HeaderOutcome::TooMany => write!(f, "too many headers: there is no room for `{name}`"),
            _ => write!(f, "the value of the header `{name}` contains invalid bytes"),
        }
    }
}

impl std::error::Error for InvalidHeader {}

/// A header name: text, or a type of the `http` crate.
pub trait AsName {
    /// The name as text, in any case.
    fn as_name(&self) -> &str;
}

/// A header value: text, bytes, or a type of the `http` crate.
pub trait AsValue {
    /// The bytes on the wire.
    fn as_value(&self) -> &[u8];
}

macro_rules! as_name {
    ($($type:ty => $this:ident $text:expr),* $(,)?) => {$(
        impl AsName for $type {
            fn as_name(&self) -> &str {
                let $this = self;
                $text
            }
        }
    )*};
}

as_name! {
    str => name name,
    String => name name,
    HeaderName => name name.as_str(),
}

macro_rules! as_value {
    ($($type:ty => $this:ident $bytes:expr),* $(,)?) => {$(
        impl AsValue for $type {
            fn as_value(&self) -> &[u8] {
                let $this = self;
                $bytes
            }
        }
    )*};
}

as_value! {
    str => value value.as_bytes(),
    String => value value.as_bytes(),
    [u8] => value value,
    HeaderValue => value value.as_bytes(),
    Value<'_> => value value.0,
    bytes::Bytes => value value,
}

impl<T: AsName + ?Sized> AsName for &T {
    fn as_name(&self) -> &str {
        (**self).as_name()
    }
}

impl<T: AsValue + ?Sized> AsValue for &T {
    fn as_value(&self) -> &[u8] {
        (**self).as_value()
    }
}
