//! `client_auth` of an entry of `listen`: the CAs of clients' certificates.

use toml::de::DeValue;

use super::Reader;
use super::keys::Keys;
use super::table::{Entry, Kind, Table};
use super::tls::{self, FileKey, file};
use crate::load::manifest::{ClientAuth, Diagnostic, Span};

const EXAMPLE: &str = "write `client_auth = { ca = \"clients.pem\" }`";

const CA: FileKey = FileKey {
    name: "ca",
    table: "client_auth",
    missing: "no CA whose certificates clients show",
    example: EXAMPLE,
};

/// Reads it, with the place of its CAs. `encrypts` says that the listener has `tls`.
pub(super) fn client_auth(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    encrypts: bool,
) -> Option<(ClientAuth, Span)> {
    let DeValue::Table(entries) = entry.value.get_ref() else {
        let expected = "a table with `ca`";
        let help = Some(EXAMPLE.to_owned());
        reader.mismatch(entry.value, "`client_auth`", expected, help);
        return None;
    };
    if !encrypts {
        let error = Diagnostic::error(entry.key.clone(), "`client_auth` needs `tls`");
        let help = format!("{} beside it, or remove `client_auth`", tls::EXAMPLE);
        let label = "clients show certificates by TLS only";
        reader.report(error.label(label).help(help));
    }
    let mut table = Table::new(entries, entry.value.span(), Kind::ClientAuth);
    let place = table.peek("ca").map(|ca| ca.value.span());
    let ca = file(reader, &mut table, &CA);
    let mut required = true;
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    keys.flag("required", &mut required);
    table.finish(reader);
    Some((ClientAuth { ca: ca?, required }, place?))
}
