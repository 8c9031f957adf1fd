//! `acme` of `tls`: a certificate that stackup orders and renews itself (RFC 8555).

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The CA of whoever names none: Let's Encrypt.
pub(super) const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// `acme` of `tls`.
///
/// Serialized names stay as they are: an upgrade reads what the previous version wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acme {
    /// The names that the certificate is for, in lower case: at least one, no wildcards.
    pub domains: Vec<String>,
    /// The CA, by the URL of its directory.
    pub directory: String,
    /// Whom the CA may write to: URIs, `mailto:` in most cases.
    pub contact: Vec<String>,
    /// The folder of keys, certificates and orders; relative to the manifest's.
    pub state: PathBuf,
    /// The file of the certificates that the CA's own server is trusted by, as PEM; none for those that the system trusts.
    pub ca: Option<PathBuf>,
    /// How the CA validates the names.
    pub challenge: AcmeChallenge,
}

/// How the CA validates a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcmeChallenge {
    /// By a handshake at port 443 (RFC 8737).
    TlsAlpn01,
    /// By a request at port 80 (RFC 8555 §8.3).
    Http01,
}

impl Acme {
    /// The folder in `state` of what belongs to this CA: another CA has another account.
    pub fn folder(&self) -> PathBuf {
        let url = self.directory.strip_prefix("https://");
        let url = url.unwrap_or(&self.directory).trim_end_matches('/');
        let safe = |c: char| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' => c,
            _ => '-',
        };
        // The host comes first, and no host begins with a dot.
        self.state.join(url.chars().map(safe).collect::<String>())
    }

    /// The name of the certificate: its first domain, also if others are added.
    pub fn name(&self) -> &str {
        self.domains.first().map_or("certificate", String::as_str)
    }

    /// The file of the certificate, its CAs and its key: one, so that they always fit.
    pub fn file(&self) -> PathBuf {
        self.folder().join(format!("{}.pem", self.name()))
    }
}

impl fmt::Display for AcmeChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Http01 => "http-01",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ca_has_a_folder_and_each_first_domain_a_file() {
        let mut acme = Acme {
            domains: vec!["a.example".into(), "b.example".into()],
            directory: LETS_ENCRYPT.into(),
            contact: Vec::new(),
            state: "acme".into(),
            ca: None,
            challenge: AcmeChallenge::TlsAlpn01,
        };
        let wanted = "acme/acme-v02.api.letsencrypt.org-directory/a.example.pem";
        assert_eq!(acme.file(), PathBuf::from(wanted));
        for (directory, folder) in [
            ("https://[::1]:14000/dir/../..", "---1--14000-dir-..-.."),
            ("https://ca.test/", "ca.test"),
        ] {
            directory.clone_into(&mut acme.directory);
            assert_eq!(acme.folder(), PathBuf::from("acme").join(folder));
        }
    }
}
