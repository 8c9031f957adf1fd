//! Why a certificate can't be used, and what to do about it.

use checked_file::ReadError;
use httpdate::HttpDate;

use crate::load::manifest::{Diagnostic, Span};

/// A certificate or key that can't be used. The text after `help:` says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file that can't be read, or that others can change.
    #[error("{}", unreadable(.file, .error))]
    Unreadable {
        /// The file, as the manifest names it.
        file: String,
        /// Why.
        error: ReadError,
    },
    /// The certificate's file has none.
    #[error("`{file}` has no certificate\nhelp: {}", match .has_key {
        true => "it has a private key: exchange `cert` and `key`",
        false => "it must have lines from `-----BEGIN CERTIFICATE-----` on (PEM); `openssl x509 -inform der` converts others",
    })]
    NoCertificate {
        /// The file, as the manifest names it.
        file: String,
        /// Whether it has a private key instead.
        has_key: bool,
    },
    /// The key's file has none.
    #[error("`{file}` has no private key\nhelp: {}", match .is_encrypted {
        true => "it has an encrypted one, and stackup asks for no passphrase: decrypt it with `openssl pkey`",
        false => "it must have lines from `-----BEGIN PRIVATE KEY-----` on (PEM)",
    })]
    NoKey {
        /// The file, as the manifest names it.
        file: String,
        /// Whether it has one that a passphrase protects.
        is_encrypted: bool,
    },
    /// The file of clients' CAs has none.
    #[error("`{file}` has no certificate\nhelp: {}", match .has_key {
        true => "it has a private key, which does not belong to the server: name the certificates of the CAs that issue those of the clients",
        false => "it must have the certificates of the CAs that issue those of the clients, in lines from `-----BEGIN CERTIFICATE-----` on (PEM)",
    })]
    NoClientCa {
        /// The file, as the manifest names it.
        file: String,
        /// Whether it has a private key instead.
        has_key: bool,
    },
    /// A certificate of a client or server in the place of a CA's.
    #[error(
        "`{file}` has the certificate of `{subject}`, which is no CA\nhelp: name the certificates of the CAs that issue those of the clients"
    )]
    NoCa {
        /// The file, as the manifest names it.
        file: String,
        /// Whose it is.
        subject: String,
    },
    /// PEM or a certificate that is damaged.
    #[error("`{file}` is damaged: {reason}\nhelp: write it again")]
    Damaged {
        /// The file, as the manifest names it.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A key of another certificate.
    #[error(
        "the key `{key}` does not fit the certificate `{cert}`\nhelp: name the key that the certificate was made for; the certificate of the server comes \
             first in its file, those of CAs after it"
    )]
    OtherKey {
        /// The file of the certificate.
        cert: String,
        /// The file of the key.
        key: String,
    },
    /// A key of a kind that is not known.
    #[error(
        "the key `{file}` can't be used: {reason}\nhelp: use an ECDSA key (P-256 or P-384), an Ed25519 key, or an RSA key of at least 2048 bits"
    )]
    OtherKind {
        /// The file, as the manifest names it.
        file: String,
        /// What rustls says.
        reason: String,
    },
    /// A certificate that is not valid any more.
    #[error(
        "the certificate `{file}` has expired: it was valid until {since}\nhelp: renew it, and check this machine's clock"
    )]
    Expired {
        /// The file, as the manifest names it.
        file: String,
        /// When.
        since: HttpDate,
    },
    /// A certificate that is not valid yet.
    #[error("the certificate `{file}` is valid from {from} on\nhelp: check this machine's clock")]
    TooEarly {
        /// The file, as the manifest names it.
        file: String,
        /// From when.
        from: HttpDate,
    },
}

impl CertificateError {
    /// Whether files that are being written may have it for a moment.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Expired { .. } | Self::TooEarly { .. })
    }
}

/// The `message` of an error at the place of its certificate in the manifest.
pub fn certificate_diagnostic(span: Span, message: &str) -> Diagnostic {
    let (message, help) = message.split_once("\nhelp: ").unwrap_or((message, ""));
    let error = Diagnostic::error(span, message).label("this certificate can't be used");
    match help {
        "" => error,
        help => error.help(help),
    }
}

fn unreadable(file: &str, error: &ReadError) -> String {
    match error {
        ReadError::Untrusted(error) => format!(
            "{}\nhelp: run `{}`; or start with `--trust any`, which takes the files of every user",
            error.problem(),
            error.fix()
        ),
        error => format!("`{file}` can't be read: {error}"),
    }
}
