//! `[server]`.

use toml::de::DeValue;

use super::table::{Entry, Kind, Table};
use super::{Reader, embedded, listen, proxies};
use crate::load::manifest::{Diagnostic, Listen, ListenEntry, Server};

/// Opens the table of a section. Any other value is an error.
pub(super) fn section<'t>(
    reader: &mut Reader<'_>,
    entry: Entry<'t>,
    name: &'static str,
) -> Option<Table<'t>> {
    match entry.value.get_ref() {
        DeValue::Table(entries) => {
            Some(Table::new(entries, entry.value.span(), Kind::Section(name)))
        }
        DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()) => {
            let help = format!("there is only one: write `[{name}]`");
            reader.mismatch(entry.value, &format!("`{name}`"), "a table", Some(help));
            None
        }
        _ => {
            let help = format!("write a header `[{name}]` with its keys below it");
            reader.mismatch(entry.value, &format!("`{name}`"), "a table", Some(help));
            None
        }
    }
}

pub(super) fn server(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Server {
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "server")) else {
        return Server::default();
    };
    embedded::keys(reader, &table);
    let mut server = match table.take("listen") {
        Some(entry) => listen::listen(reader, &entry),
        None => Server::default(),
    };
    let trusted = table.take("trusted_proxies");
    // Entries that are wrong have errors of their own.
    let lists_none = trusted.as_ref().is_none_or(|entry| {
        let entries = entry.value.get_ref().as_array();
        entries.is_some_and(|entries| entries.is_empty())
    });
    if let Some(entry) = trusted {
        server.trusted_proxies = proxies::trusted(reader, &entry);
    }
    let proxied = server
        .listen
        .iter()
        .position(|entry| entry.protocols.proxy_protocol && !entry.protocols.fastcgi);
    if lists_none && let Some(index) = proxied {
        let span = server.listen_span(index).unwrap_or_default();
        let message = "`proxy_protocol` needs `trusted_proxies`, which lists none";
        let help = match server.listen[index].address {
            Listen::Tcp(_) => {
                "list the proxies that connect here: `trusted_proxies = [\"10.0.0.7\"]`"
            }
            Listen::Unix(_) => "trust every peer on a Unix socket: `trusted_proxies = [\"unix\"]`",
        };
        let error = Diagnostic::error(span, message).label("every connection would be closed");
        reader.report(error.help(help));
    }
    let is_far = |entry: &ListenEntry| entry.protocols.fastcgi && entry.address.is_far();
    if lists_none && let Some(index) = server.listen.iter().position(is_far) {
        let span = server.listen_span(index).unwrap_or_default();
        let message = "FastCGI for other machines needs `trusted_proxies`, which lists none";
        let help = "list the servers that connect here, `trusted_proxies = [\"10.0.0.7\"]`, or listen on \"fastcgi://127.0.0.1:9000\"";
        let error = Diagnostic::error(span, message);
        let label = "every connection from another machine would be closed";
        reader.report(error.label(label).help(help));
    }
    table.finish(reader);
    server
}
