//! The certificate by which a client has identified itself (TLS client authentication).

use std::fmt;
use std::net::IpAddr;

use crate::abi::plugin::request::RequestHandle;

/// The certificate of a request's client, which the host has verified: it comes from one of the CAs in the listener's `client_auth`.
///
/// No header says this, so no client can forge it; behind a proxy that speaks TLS with the host it is the proxy's certificate.
#[derive(Clone, Copy)]
pub struct ClientCertificate<'a>(&'a RequestHandle);

impl<'a> ClientCertificate<'a> {
    pub(crate) fn of(request: &'a RequestHandle) -> Option<Self> {
        request.certificate_part("der", 0).map(|_| Self(request))
    }

    /// All of it, as DER.
    pub fn der(self) -> &'a [u8] {
        self.0.certificate_part("der", 0).unwrap_or_default()
    }

    /// Its subject as text (RFC 4514), the most specific name first: `CN=alice,O=Example`. Empty if it has only other names.
    ///
    /// A value may contain anything that its CA has let in, escaped: compare the whole text, or take
    /// [`common_name`](Self::common_name).
    pub fn subject(self) -> &'a str {
        self.text("subject", 0).unwrap_or_default()
    }

    /// The common name in the subject, without escapes; none also if there are several.
    pub fn common_name(self) -> Option<&'a str> {
        self.text("common_name", 0)
    }

    /// Its DNS names, in lower case.
    pub fn dns_names(self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.texts("dns")
    }

    /// Its email addresses, as they are written.
    pub fn email_addresses(self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.texts("email")
    }

    /// Its URIs, such as a SPIFFE ID.
    pub fn uris(self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.texts("uri")
    }

    /// Its IP addresses.
    pub fn ip_addresses(self) -> impl Iterator<Item = IpAddr> + use<'a> {
        self.texts("ip").filter_map(|text| text.parse().ok())
    }

    fn texts(self, name: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        (0..).map_while(move |index| self.text(name, index))
    }

    fn text(self, name: &str, index: usize) -> Option<&'a str> {
        let bytes = self.0.certificate_part(name, index)?;
        std::str::from_utf8(bytes).ok()
    }
}

impl fmt::Debug for ClientCertificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("subject", &self.subject())
            .field("dns_names", &self.dns_names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
