//! What the connections of a listener speak: PROXY protocol, TLS, HTTP/2, FastCGI.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Acme;

/// The settings of an entry of `listen` besides its address.
///
/// Serialized names stay as they are: an upgrade reads what the previous version wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenProtocols {
    /// Whether each connection begins with a header of the PROXY protocol.
    #[serde(default)]
    pub proxy_protocol: bool,
    /// How connections are encrypted; none in the clear.
    #[serde(default)]
    pub tls: Option<ListenTls>,
    /// Whether clients may speak HTTP/2: by ALPN with TLS, by prior knowledge without.
    #[serde(default)]
    pub http2: bool,
    /// Whether they speak FastCGI and no HTTP.
    #[serde(default)]
    pub fastcgi: bool,
}

/// `tls` of an entry of `listen`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenTls {
    /// At least one. The first is for clients that ask for no name, or for one that no certificate has.
    pub certificates: Vec<CertificateFiles>,
    /// Whether clients show certificates, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_auth: Option<ClientAuth>,
}

/// `client_auth` of an entry of `listen`: clients identify themselves by certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAuth {
    /// The file of the CAs that issue them, as PEM; relative to the manifest's folder.
    pub ca: PathBuf,
    /// Whether a client without one is refused.
    pub required: bool,
}

/// Where a certificate and its private key are, as PEM; relative to the manifest's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFiles {
    /// The certificate, then those of the CAs between it and one that clients know.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// How stackup gets both; none if somebody else writes the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acme: Option<Acme>,
}

impl CertificateFiles {
    /// Files that stackup writes.
    pub fn ordered(acme: Acme) -> Self {
        let file = acme.file();
        Self {
            cert: file.clone(),
            key: file,
            acme: Some(acme),
        }
    }
}

impl ListenProtocols {
    /// Those of each socket: `all`, or what a version says that knows only of the PROXY protocol.
    pub fn of_each(all: Vec<Self>, proxy_protocol: Vec<bool>) -> impl Iterator<Item = Self> {
        let known = all.len();
        let old = proxy_protocol.into_iter().skip(known);
        all.into_iter().chain(old.map(|proxy_protocol| Self {
            proxy_protocol,
            ..Self::default()
        }))
    }
}

impl fmt::Display for ListenProtocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Vec::new();
        if self.proxy_protocol {
            all.push("PROXY protocol".to_owned());
        }
        for files in self.tls.iter().flat_map(|tls| &tls.certificates) {
            let CertificateFiles { cert, key, acme } = files;
            all.push(match acme {
                None => format!("TLS {} {}", cert.display(), key.display()),
                Some(acme) => format!("TLS by ACME for {}", acme.domains.join(" ")),
            });
        }
        if let Some(auth) = self.tls.as_ref().and_then(|tls| tls.client_auth.as_ref()) {
            let which = match auth.required {
                true => "client certificates",
                false => "optional client certificates",
            };
            all.push(format!("{which} by {}", auth.ca.display()));
        }
        match (self.http2, self.tls.is_some()) {
            (true, false) => all.push("HTTP/2".to_owned()),
            (false, true) => all.push("no HTTP/2".to_owned()),
            _ => {}
        }
        if self.fastcgi {
            all.push("FastCGI".to_owned());
        }
        match all.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", all.join(", ")),
        }
    }
}
