//! What a client's certificate says, for plugins.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{HandshakeKind, ServerConnection};
use stackup_plugin::abi::host::ClientCertificate;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::load::certificates::{ClientCas, common_name, distinguished_name};

/// Why a certificate that the handshake has let pass is refused.
#[derive(Debug, thiserror::Error)]
pub(in crate::serve::server) enum ClientCertificateError {
    /// The session began when it was valid.
    #[error("the certificate of the resumed session is not valid any more: {0}")]
    NotValidNow(rustls::Error),
    #[error("the client's certificate can't be read: {0}")]
    Unreadable(String),
}

/// The certificate by which the client of a connection has identified itself; none if it has shown none.
pub(super) fn client_certificate(
    session: &ServerConnection,
    cas: &ClientCas,
) -> Result<Option<Arc<ClientCertificate>>, ClientCertificateError> {
    let Some((own, others)) = session.peer_certificates().and_then(<[_]>::split_first) else {
        return Ok(None);
    };
    // rustls takes the certificate from the ticket, and does not look at it again.
    if session.handshake_kind() == Some(HandshakeKind::Resumed) {
        let verified = cas
            .verifier
            .verify_client_cert(own, others, UnixTime::now());
        verified.map_err(ClientCertificateError::NotValidNow)?;
    }
    let read = read(own).map_err(ClientCertificateError::Unreadable)?;
    Ok(Some(Arc::new(read)))
}

fn read(certificate: &CertificateDer<'_>) -> Result<ClientCertificate, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let mut read = ClientCertificate {
        der: certificate.to_vec(),
        subject: distinguished_name(parsed.subject()),
        common_name: common_name(parsed.subject()),
        ..ClientCertificate::default()
    };
    let names = parsed
        .subject_alternative_name()
        .map_err(|error| error.to_string())?;
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::DNSName(name) => read.dns_names.push(name.to_ascii_lowercase()),
            GeneralName::RFC822Name(address) => read.email_addresses.push((*address).to_owned()),
            GeneralName::URI(uri) => read.uris.push((*uri).to_owned()),
            GeneralName::IPAddress(bytes) => read.ip_addresses.extend(ip(bytes)),
            _ => {}
        }
    }
    Ok(read)
}

/// An address as its bytes (RFC 5280 §4.2.1.6).
fn ip(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let ip = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    ip.ok().map(|ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn all_names_are_read() {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.subject_alt_names = vec![
            SanType::DnsName("A.test".try_into().unwrap()),
            SanType::Rfc822Name("Alice@a.test".try_into().unwrap()),
            SanType::URI("spiffe://a.test/alice".try_into().unwrap()),
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ];
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = read(certificate.der()).unwrap();
        assert_eq!(read.der, certificate.der().to_vec());
        assert!(read.subject.ends_with("CN=alice") || read.subject.starts_with("CN=alice"));
        assert_eq!(read.common_name.as_deref(), Some("alice"));
        assert_eq!(read.dns_names, ["a.test"]);
        assert_eq!(read.email_addresses, ["Alice@a.test"]);
        assert_eq!(read.uris, ["spiffe://a.test/alice"]);
        assert_eq!(read.ip_addresses, ["192.0.2.1", "2001:db8::1"]);
    }
}
