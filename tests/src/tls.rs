//! Servers and clients by TLS, with a CA of the test's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, PublicKeyData, SanType, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

use crate::Site;

const DAY: i64 = 24 * 3600;

/// A certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
}

impl Issued {
    /// Puts both into `site`, as `NAME.pem` and `NAME.key`, which only this user can read.
    ///
    /// # Panics
    ///
    /// If they can't be written.
    pub fn write(&self, site: &Site, name: &str) {
        site.file(&format!("{name}.pem"), &self.cert);
        write_secret(site, &format!("{name}.key"), &self.key);
    }
}

/// Puts a file into `site` that only this user can read.
fn write_secret(site: &Site, name: &str, text: &str) {
    // The name is there only when the mode is right.
    let unfinished = site.file(&format!("{name}.secret"), text);
    fs::set_permissions(&unfinished, Permissions::from_mode(0o600)).expect("it is ours");
    fs::rename(unfinished, site.path().join(name)).expect("the site can be written");
}

/// A certificate authority.
pub struct TestCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl TestCa {
    /// A new one, which nobody trusts yet.
    #[expect(clippy::new_without_default, reason = "it makes a key each time")]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        // With the name of another one it would be that one with a bad signature.
        let name = format!("{:?}", &key.public_key_raw()[..8]);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Its certificate, as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server with a certificate for `name`, which speaks these protocols (ALPN).
    pub fn server(&self, name: &str, protocols: &[&str]) -> TlsAcceptor {
        self.acceptor(name, protocols, 4000)
    }

    /// A server whose certificate has expired.
    pub fn expired(&self, name: &str) -> TlsAcceptor {
        self.acceptor(name, &[], 2001)
    }

    /// A certificate for `names` that is valid for so many days from now on; fewer than none for one that has expired.
    pub fn issue(&self, names: &[&str], days: i64) -> Issued {
        let names = names.iter().map(ToString::to_string);
        let params = CertificateParams::new(names.collect::<Vec<_>>()).expect("valid names");
        self.issue_for(params, days * DAY)
    }

    /// A certificate for a client of this common name, valid for so many seconds from now on. It has the DNS name `NAME.test` and the URI
    /// `spiffe://test/NAME`.
    ///
    /// # Panics
    ///
    /// If there can be no such names.
    pub fn issue_client(&self, name: &str, seconds: i64) -> Issued {
        let mut params = CertificateParams::new([format!("{name}.test")]).expect("a valid name");
        let uri = format!("spiffe://test/{name}").try_into();
        params
            .subject_alt_names
            .push(SanType::URI(uri.expect("ASCII")));
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Tests");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue_for(params, seconds)
    }

    /// A certificate for `names` and somebody else's key, as PEM. It is valid for `days`, from the first to the second, counted from now.
    ///
    /// # Panics
    ///
    /// If there can be no such names.
    pub fn certify(&self, names: &[String], key: &impl PublicKeyData, days: (i64, i64)) -> String {
        let mut params = CertificateParams::new(names).expect("valid names");
        let seconds = (days.0 * DAY, days.1 * DAY);
        valid(&mut params, seconds);
        let certificate = params.signed_by(key, &self.issuer);
        certificate.expect("a certificate").pem()
    }

    fn issue_for(&self, mut params: CertificateParams, seconds: i64) -> Issued {
        valid(&mut params, (-1000 * DAY, seconds));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued {
            cert: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client that trusts this CA and speaks these protocols (ALPN). Its clones share its sessions.
    ///
    /// # Panics
    ///
    /// If rustls refuses the settings.
    pub fn client(
        &self,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        self.client_with(None, protocols, versions)
    }

    /// The same for a client that identifies itself by a certificate, if there is one.
    ///
    /// # Panics
    ///
    /// If rustls refuses the settings.
    pub fn client_with(
        &self,
        certificate: Option<&Issued>,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        client_of(&self.pem, certificate, protocols, versions)
    }

    fn acceptor(&self, name: &str, protocols: &[&str], until: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a valid name");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("they belong together");
        config.alpn_protocols = protocols
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Sets from when and until when it is valid, in seconds from now.
fn valid(params: &mut CertificateParams, (from, until): (i64, i64)) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap_or_default().as_secs()).expect("a time");
    // The type of rcgen's times is of a crate that the tests do not name.
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs((now + from).cast_unsigned());
    params.not_after = epoch + Duration::from_secs((now + until).cast_unsigned());
}

/// A client that trusts a CA, by its certificate as PEM, and may have a certificate of its own.
///
/// # Panics
///
/// If rustls refuses the settings.
pub fn client_of(
    ca: &str,
    certificate: Option<&Issued>,
    protocols: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(ca.as_bytes()).expect("a certificate");
    roots.add(root).expect("a CA");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match certificate {
        Some(Issued { cert, key }) => {
            let cert = CertificateDer::from_pem_slice(cert.as_bytes()).expect("a certificate");
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
            // As curl and browsers do it, the certificate is sent also where the server names other CAs.
            let provider = rustls::crypto::ring::default_provider();
            let key = CertifiedKey::from_der(vec![cert], key, &provider).expect("a pair");
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec())
        .collect();
    Arc::new(config)
}
