//! `trusted_proxies` of `[server]`.

use super::Reader;
use super::strings;
use super::table::Entry;
use crate::load::manifest::words::quoted;
use crate::load::manifest::{Diagnostic, Span, TrustedProxies, proxies};

pub(super) fn trusted(reader: &mut Reader<'_>, entry: &Entry<'_>) -> TrustedProxies {
    let items = strings::list(reader, entry, "`trusted_proxies`", "addresses and networks");
    let mut trusted = TrustedProxies::default();
    let mut seen: Vec<(String, Span)> = Vec::new();
    for item in items.unwrap_or_default() {
        let network = proxies::network(&item.text);
        match network {
            _ if item.text == "unix" => trusted.unix = true,
            Some(network) => trusted.networks.push(network),
            None => {
                let message = format!("{} is not an address or a network", quoted(&item.text));
                let help = "write an address (\"10.0.0.7\", \"fd00::7\"), a network (\"10.0.0.0/8\"), or \
                            \"unix\" for every peer on a Unix socket";
                let error = Diagnostic::error(item.span, message).label("not a proxy's address");
                reader.report(error.help(help));
                continue;
            }
        }
        if network.is_some_and(|network| network.prefix_len() == 0) {
            let message = format!("`{}` trusts every client", item.text);
            let warning = Diagnostic::warning(item.span.clone(), message)
                .label("every address is in this network")
                .note("a trusted peer decides which address, scheme and host its requests have")
                .help("name the networks of your proxies");
            reader.report(warning);
        }
        if let Some((_, first)) = seen.iter().find(|(text, _)| *text == item.text) {
            let message = format!("`{}` is listed twice", item.text);
            let warning = Diagnostic::warning(item.span, message)
                .label("no effect")
                .also(first.clone(), "first here")
                .help("remove one of them");
            reader.report(warning);
        } else {
            seen.push((item.text, item.span));
        }
    }
    trusted
}
