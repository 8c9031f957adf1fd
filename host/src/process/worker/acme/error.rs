//! Why there is no certificate, and what to do about it.

use instant_acme::{Error, Problem};

use crate::load::acme::AcmeFolderError;
use crate::load::certificates::CertificateError;
use crate::load::manifest::{Acme, AcmeChallenge};
use crate::policy::OrderFailure;

/// An order that has failed. The text after `help:` says what to do.
#[derive(Debug)]
pub(super) struct OrderError {
    pub(super) failure: OrderFailure,
    pub(super) text: String,
    /// Whether the CA does not know the account any more.
    pub(super) is_of_account: bool,
}

impl OrderError {
    /// The CA has decided against it.
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self {
            failure: OrderFailure::Refused,
            text: text.into(),
            is_of_account: false,
        }
    }

    /// It did not come to that.
    pub(super) fn unreached(text: impl Into<String>) -> Self {
        Self {
            failure: OrderFailure::Unreached,
            ..Self::refused(text)
        }
    }

    /// What the CA or the way to it says.
    pub(super) fn of(error: &Error, acme: &Acme) -> Self {
        match error {
            Error::Api(problem) => Self::of_problem(problem),
            Error::Timeout(_) => Self::unreached("the CA has not decided in time"),
            Error::Json(error) => Self::unreached(format!(
                "what `{}` answers is not of ACME (RFC 8555): {error}\nhelp: check `directory`: it is the URL of the CA's ACME directory",
                acme.directory
            )),
            error => Self::unreached(format!("the CA can't be asked: {error}")),
        }
    }

    /// The CA could not validate a name.
    pub(super) fn of_challenge(domain: &str, problem: &Problem, acme: &Acme) -> Self {
        let port = match acme.challenge {
            AcmeChallenge::TlsAlpn01 => "port 443 there to this listener",
            AcmeChallenge::Http01 => "port 80 there to an address in `listen` without `tls`",
        };
        Self::refused(format!(
            "the CA can't validate `{domain}` ({}): {}\nhelp: in the DNS, `{domain}` must lead to this machine for IPv4 and IPv6, and {port}",
            acme.challenge,
            describe(problem)
        ))
    }

    fn of_problem(problem: &Problem) -> Self {
        let kind = kind(problem);
        let text = format!("the CA refuses: {}", describe(problem));
        if matches!(kind, "badNonce" | "serverInternal") || problem.status >= Some(500) {
            return Self::unreached(format!("the CA has failed: {}", describe(problem)));
        }
        let help = match kind {
            "accountDoesNotExist" => {
                return Self {
                    is_of_account: true,
                    ..Self::unreached(text)
                };
            }
            "externalAccountRequired" => {
                "this CA wants an account that was made with it before, which stackup can't use yet: choose another `directory`"
            }
            "rateLimited" => {
                "the CA limits how often it is asked: correct what failed before, and wait"
            }
            "rejectedIdentifier" => {
                "check `domains`: this CA gives no certificates for all of them"
            }
            "caa" => {
                "the DNS names other CAs for this domain: change its CAA record, or choose another `directory`"
            }
            "invalidContact" | "unsupportedContact" => "check `contact`",
            _ => return Self::refused(text),
        };
        Self::refused(format!("{text}\nhelp: {help}"))
    }
}

impl From<AcmeFolderError> for OrderError {
    fn from(error: AcmeFolderError) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<CertificateError> for OrderError {
    fn from(error: CertificateError) -> Self {
        Self::refused(error.to_string())
    }
}

/// The last part of its type (RFC 8555 §6.7).
fn kind(problem: &Problem) -> &str {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.rsplit(':').next().unwrap_or_default()
}

fn describe(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().unwrap_or("it gives no reason");
    // It comes from another machine, and goes to the log and to terminals.
    let mut text = log_text::one_line(detail).into_owned();
    for part in &problem.subproblems {
        text = format!("{text}; {}", log_text::one_line(&part.to_string()));
    }
    match kind(problem) {
        "" => text,
        kind => format!("{text} ({})", log_text::one_line(kind)),
    }
}
