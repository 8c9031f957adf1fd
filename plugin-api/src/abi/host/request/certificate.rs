//! The certificate by which a client has identified itself.

use super::functions::state;
use crate::abi::slice::RawSlice;
use crate::abi::tables::RequestObject;

/// What a client's certificate says, which the host has verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// All of it, as DER.
    pub der: Vec<u8>,
    /// Its subject as text (RFC 4514); may be empty.
    pub subject: String,
    /// The common name in the subject, if there is exactly one.
    pub common_name: Option<String>,
    /// Its DNS names, in lower case.
    pub dns_names: Vec<String>,
    /// Its email addresses, as they are written.
    pub email_addresses: Vec<String>,
    /// Its URIs, such as a SPIFFE ID.
    pub uris: Vec<String>,
    /// Its IP addresses, as text.
    pub ip_addresses: Vec<String>,
}

impl ClientCertificate {
    /// One part of it, by the name that `HostExtension::request_client_certificate` has for it.
    fn part(&self, name: &str, index: usize) -> Option<&[u8]> {
        let texts = match name {
            "der" => return (index == 0).then_some(&*self.der),
            "subject" => std::slice::from_ref(&self.subject),
            "common_name" => self.common_name.as_slice(),
            "dns" => &self.dns_names,
            "email" => &self.email_addresses,
            "uri" => &self.uris,
            "ip" => &self.ip_addresses,
            _ => return None,
        };
        texts.get(index).map(String::as_bytes)
    }
}

pub(in crate::abi::host) unsafe extern "C" fn part(
    request: *const RequestObject,
    name: RawSlice<'_>,
    index: usize,
) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    let certificate = unsafe { state(request) }.client_certificate.as_deref();
    RawSlice::maybe(certificate.and_then(|certificate| certificate.part(name.str(), index)))
}
