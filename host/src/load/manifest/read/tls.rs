//! `tls` of an entry of `listen`: a certificate and its key, or a list of such pairs. Either may be ordered (`acme`).

use std::path::PathBuf;

use toml::de::DeValue;

use super::table::{Entry, Kind, Table};
use super::{Node, Reader, acme};
use crate::load::manifest::{CertificateFiles, Diagnostic, ListenTls, Span};

pub(super) const EXAMPLE: &str = "write `tls = { cert = \"site.pem\", key = \"site.key\" }`";

/// Reads the pairs, each with its place.
pub(super) fn tls(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<(ListenTls, Vec<Span>)> {
    let nodes = match entry.value.get_ref() {
        DeValue::Table(_) => vec![entry.value],
        DeValue::Array(nodes) => nodes.iter().collect(),
        _ => {
            let expected = "a table with `cert` and `key`, or a list of such tables";
            reader.mismatch(entry.value, "`tls`", expected, Some(EXAMPLE.to_owned()));
            return None;
        }
    };
    if nodes.is_empty() {
        let error = Diagnostic::error(entry.value.span(), "`tls` is empty");
        let help = format!("{EXAMPLE}, or remove `tls` to serve in the clear");
        reader.report(error.label("no certificate to show").help(help));
        return None;
    }
    let spans = nodes.iter().map(|node| node.span()).collect();
    let pairs: Vec<_> = nodes.into_iter().map(|node| pair(reader, node)).collect();
    let certificates = pairs.into_iter().collect::<Option<_>>()?;
    let tls = ListenTls {
        certificates,
        client_auth: None,
    };
    Some((tls, spans))
}

fn pair(reader: &mut Reader<'_>, node: Node<'_>) -> Option<CertificateFiles> {
    let DeValue::Table(entries) = node.get_ref() else {
        let expected = "a table with `cert` and `key`";
        reader.mismatch(
            node,
            "each entry of `tls`",
            expected,
            Some(EXAMPLE.to_owned()),
        );
        return None;
    };
    let mut table = Table::new(entries, node.span(), Kind::Tls);
    let files = match table.peek("acme") {
        Some(entry) => ordered(reader, &mut table, &entry),
        None => written(reader, &mut table),
    };
    table.take("acme");
    table.finish(reader);
    files
}

/// Files that somebody else writes.
fn written(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<CertificateFiles> {
    let cert = file(reader, table, &CERT);
    let key = file(reader, table, &KEY);
    Some(CertificateFiles {
        cert: cert?,
        key: key?,
        acme: None,
    })
}

/// A certificate that stackup orders.
fn ordered(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    entry: &Entry<'_>,
) -> Option<CertificateFiles> {
    for name in ["cert", "key"] {
        if let Some(other) = table.take(name) {
            let message = format!("`{name}` does not go with `acme`");
            let error =
                Diagnostic::error(other.key, message).label("stackup writes the file itself");
            let help = "remove it, or write `tls` as a list of two tables for two certificates";
            reader.report(error.also(entry.key.clone(), "here").help(help));
        }
    }
    acme::acme(reader, entry).map(CertificateFiles::ordered)
}

/// A key that names a file, and what is said where it is missing.
pub(super) struct FileKey {
    pub(super) name: &'static str,
    pub(super) table: &'static str,
    pub(super) missing: &'static str,
    pub(super) example: &'static str,
}

const CERT: FileKey = FileKey {
    name: "cert",
    table: "tls",
    missing: "no certificate to show",
    example: EXAMPLE,
};
const KEY: FileKey = FileKey {
    name: "key",
    missing: "no private key for the certificate",
    ..CERT
};

/// Reads the name of a file with PEM.
pub(super) fn file(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    key: &FileKey,
) -> Option<PathBuf> {
    let FileKey { name, example, .. } = *key;
    let what = format!("`{name}`");
    let Some(entry) = table.take(name) else {
        if !table.misspells(name) {
            let message = format!("{what} is missing in `{}`", key.table);
            let error = Diagnostic::error(table.span.clone(), message);
            reader.report(error.label(key.missing).help(example));
        }
        return None;
    };
    let text = reader.string(entry.value, &what, "a file name")?;
    if text.contains("-----BEGIN") {
        let error = Diagnostic::error(entry.value.span(), format!("{what} must be a file name"));
        let help = "save it to a file that only this user can read, and name that";
        reader.report(error.label("this is PEM itself").help(help));
        return None;
    }
    if text.is_empty() {
        let error = Diagnostic::error(entry.value.span(), format!("{what} is empty"));
        reader.report(error.label("no file").help(example));
        return None;
    }
    Some(PathBuf::from(text))
}
