//! `acme` of `tls`: which certificate to order, and where.

use std::path::PathBuf;

use http::Uri;
use toml::de::DeValue;

use super::Reader;
use super::strings::{self, Item};
use super::table::{Entry, Kind, Table};
use super::tls::{FileKey, file};
use crate::load::manifest::acme::LETS_ENCRYPT;
use crate::load::manifest::words::quoted;
use crate::load::manifest::{Acme, AcmeChallenge, Diagnostic, ListenEntry, Server, Span};

const EXAMPLE: &str = "write `tls = { acme = { domains = [\"example.com\"] } }`";

const CA: FileKey = FileKey {
    name: "ca",
    table: "acme",
    missing: "no CA",
    example: "write `ca = \"ca.pem\"`",
};

/// The most names of one certificate: more than Let's Encrypt takes.
const MOST_DOMAINS: usize = 100;

/// The longest name (RFC 1035 §2.3.4), and the longest of its labels.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// Reads it.
pub(super) fn acme(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Acme> {
    let DeValue::Table(entries) = entry.value.get_ref() else {
        let expected = "a table with `domains`";
        reader.mismatch(entry.value, "`acme`", expected, Some(EXAMPLE.to_owned()));
        return None;
    };
    if !cfg!(feature = "acme") {
        let error = Diagnostic::error(entry.key.clone(), "this stackup orders no certificates");
        let label = "it was built without the feature `acme`";
        let help = "build stackup with its default features, or name the files of another ACME client: `cert` and `key`";
        reader.report(error.label(label).help(help));
        return None;
    }
    let mut table = Table::new(entries, entry.value.span(), Kind::Acme);
    let domains = domains(reader, &mut table);
    let directory = match table.take("directory") {
        Some(entry) => directory(reader, &entry),
        None => Some(LETS_ENCRYPT.to_owned()),
    };
    let contact = table.take("contact");
    let contact = contact.map(|entry| contacts(reader, &entry));
    let challenge = table.take("challenge");
    let challenge = challenge.map_or(Some(AcmeChallenge::TlsAlpn01), |entry| {
        challenge_of(reader, &entry)
    });
    let state = match table.take("state") {
        Some(entry) => folder(reader, &entry),
        None => Some(PathBuf::from("acme")),
    };
    let ca = match table.peek("ca") {
        Some(_) => Some(file(reader, &mut table, &CA)),
        None => {
            // Known all the same.
            table.take("ca");
            None
        }
    };
    table.finish(reader);
    Some(Acme {
        domains: domains?,
        directory: directory?,
        contact: contact.unwrap_or(Some(Vec::new()))?,
        state: state?,
        ca: match ca {
            Some(read) => Some(read?),
            None => None,
        },
        challenge: challenge?,
    })
}

fn domains(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Vec<String>> {
    let Some(entry) = table.take("domains") else {
        if !table.misspells("domains") {
            let error = Diagnostic::error(table.span.clone(), "`domains` is missing in `acme`");
            reader.report(error.label("a certificate for which names?").help(EXAMPLE));
        }
        return None;
    };
    let items = strings::one_or_list(reader, &entry, "`domains`", "names")?;
    let mut domains = Vec::new();
    let mut is_valid = true;
    for Item { text, span } in items {
        let name = text.to_ascii_lowercase();
        let wrong = match not_a_domain(&name) {
            Some(wrong) => Some(wrong),
            None if domains.contains(&name) => Some(("it is listed twice", "remove one of them")),
            None => None,
        };
        match wrong {
            None => domains.push(name),
            Some((label, help)) => {
                is_valid = false;
                let message = format!("{} can't be in `domains`", quoted(&text));
                reader.report(Diagnostic::error(span, message).label(label).help(help));
            }
        }
    }
    let count = domains.len();
    if is_valid && !(1..=MOST_DOMAINS).contains(&count) {
        let error = Diagnostic::error(entry.value.span(), "`domains` has no certificate's names");
        let label = format!("{count} names; a certificate has 1 to {MOST_DOMAINS}");
        let help = match count {
            0 => EXAMPLE,
            _ => "write `tls` as a list of several tables with `acme`",
        };
        reader.report(error.label(label).help(help));
        return None;
    }
    is_valid.then_some(domains)
}

/// Why a name can't be one that a CA validates here.
fn not_a_domain(name: &str) -> Option<(&'static str, &'static str)> {
    if name.starts_with("*.") {
        return Some((
            "a CA gives certificates for wildcards by DNS only (dns-01)",
            "list the names one by one, or order it by another ACME client and name its files: `cert` and `key`",
        ));
    }
    if name
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok()
    {
        return Some(("this is an address", "write a name that leads to it"));
    }
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= NAME_MAX && name.split('.').all(is_label) {
        return None;
    }
    Some((
        "this is not a domain name",
        "write it without scheme, port and final dot; others than ASCII in their encoded form (`xn--…`)",
    ))
}

fn directory(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<String> {
    let text = reader.string(entry.value, "`directory`", "a URL")?;
    let uri = text.parse::<Uri>().ok();
    let is_url = uri.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    if is_url {
        return Some(text);
    }
    let error = Diagnostic::error(entry.value.span(), "`directory` must be a URL of https");
    let help = format!("write the URL of the CA's ACME directory, such as \"{LETS_ENCRYPT}\"");
    reader.report(error.label("this is none").help(help));
    None
}

/// Addresses of mail get their scheme.
fn contacts(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Vec<String>> {
    let items = strings::one_or_list(reader, entry, "`contact`", "addresses")?;
    let each = items.into_iter().map(|Item { text, span }| {
        let has_scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
            let mut scheme = scheme.bytes();
            scheme.all(|byte| byte.is_ascii_alphanumeric()) && !rest.is_empty()
        });
        if has_scheme && text.is_ascii() {
            return Some(text);
        }
        let is_mail = text.is_ascii()
            && text
                .split_once('@')
                .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
        if is_mail && !text.contains([' ', ',']) {
            return Some(format!("mailto:{text}"));
        }
        let message = format!("{} is no `contact`", quoted(&text));
        let error = Diagnostic::error(span, message).label("neither an address of mail nor a URI");
        reader.report(error.help("write `contact = [\"admin@example.com\"]`"));
        None
    });
    // All are read, so that all errors are reported.
    let each: Vec<_> = each.collect();
    each.into_iter().collect()
}

fn challenge_of(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<AcmeChallenge> {
    let words = [
        ("tls-alpn-01", AcmeChallenge::TlsAlpn01),
        ("http-01", AcmeChallenge::Http01),
    ];
    let note = "\"tls-alpn-01\": the CA connects to port 443; \"http-01\": it asks at port 80";
    strings::either(reader, entry, "`challenge`", words, note)
}

fn folder(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<PathBuf> {
    let text = reader.string(entry.value, "`state`", "the name of a folder")?;
    if !text.is_empty() && !text.contains('\0') {
        return Some(PathBuf::from(text));
    }
    let error = Diagnostic::error(entry.value.span(), "`state` must be the name of a folder");
    reader.report(
        error
            .label("this can't be one")
            .help("write `state = \"acme\"`"),
    );
    None
}

/// Reports orders that exclude each other, and a challenge that nobody could answer.
pub(super) fn check(reader: &mut Reader<'_>, server: &Server) {
    let mut known: Vec<(&Acme, Span)> = Vec::new();
    let is_clear = |entry: &ListenEntry| entry.protocols.tls.is_none() && !entry.protocols.fastcgi;
    let has_clear = server.listen.iter().any(is_clear);
    for (entry, spans) in server.listen.iter().zip(&server.tls_spans) {
        let files = entry.protocols.tls.iter().flat_map(|tls| &tls.certificates);
        for (files, span) in files.zip(spans) {
            let Some(acme) = &files.acme else {
                continue;
            };
            if acme.challenge == AcmeChallenge::Http01 && !has_clear {
                let message = "the challenge \"http-01\" needs an address without `tls`";
                let error = Diagnostic::error(span.clone(), message)
                    .label("the CA asks at port 80, where nobody listens");
                let help = "add \"0.0.0.0:80\" to `listen`, or use the challenge \"tls-alpn-01\"";
                reader.report(error.help(help));
            }
            let other = known.iter().find(|(other, _)| other.file() == acme.file());
            match other {
                Some((other, first)) if *other != acme => {
                    let message = format!("`{}` begins two certificates", acme.name());
                    let error = Diagnostic::error(span.clone(), message)
                        .label("both would be in one file, which has the name of the first domain")
                        .also(first.clone(), "the other one")
                        .help("write the same `acme` in both places, or list another domain first");
                    reader.report(error);
                }
                Some(_) => {}
                None => known.push((acme, span.clone())),
            }
        }
    }
}
