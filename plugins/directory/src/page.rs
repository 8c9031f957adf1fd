//! The page with a listing.

use std::fmt::Write;

use served_files::{FilePath, Kind, Listing, MAX_ENTRIES, escape};
use stackup_plugin::Escaped;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width">
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .75rem; border-bottom: 1px solid #8884 }
th { font-weight: 400; overflow-wrap: anywhere }
td { white-space: nowrap; text-align: right }
</style>
"#;

/// The listing of `path`, with its entries in this order.
pub(crate) fn page(path: &FilePath, listing: &Listing) -> String {
    let mut page = HEAD.to_owned();
    let text = path.to_text();
    let title = Escaped(&text);
    // Writing to a string does not fail.
    let _ = write!(page, "<title>{title}</title>\n<h1>{title}</h1>\n<table>\n");
    if !path.names().is_empty() {
        page.push_str("<tr><th scope=\"row\"><a href=\"../\">Parent Directory</a><td><td>\n");
    }
    for entry in &listing.entries {
        let (slash, size) = match entry.kind {
            Kind::Directory => ("/", String::new()),
            Kind::File(length) => ("", size(length)),
        };
        // `./` makes a name such as `javascript:…` a path.
        let link = escape(&entry.name);
        let (link, name) = (Escaped(&link), Escaped(&entry.name));
        let changed = entry
            .changed
            .map(httpdate::fmt_http_date)
            .unwrap_or_default();
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\"><a href=\"./{link}{slash}\">{name}{slash}</a><td>{size}<td>{changed}"
        );
    }
    page.push_str("</table>\n");
    if listing.is_partial {
        let _ = writeln!(
            page,
            "<p>This directory has more than {MAX_ENTRIES} entries; only so many are shown."
        );
    }
    page
}

/// A length with a unit.
fn size(length: u64) -> String {
    let mut amount = length as f64;
    let mut units = ["KiB", "MiB", "GiB", "TiB"].into_iter();
    let mut unit = "B";
    while amount >= 1024.0
        && let Some(next) = units.next()
    {
        amount /= 1024.0;
        unit = next;
    }
    match unit {
        "B" => format!("{length} B"),
        _ => format!("{amount:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_says_that_it_is_partial() {
        let path = FilePath::decode("/").unwrap();
        for is_partial in [false, true] {
            let listing = Listing {
                is_partial,
                ..Listing::default()
            };
            let page = page(&path, &listing);
            assert_eq!(page.contains("more than 10000 entries"), is_partial);
        }
    }

    #[test]
    fn sizes_have_units() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
            (5 << 50, "5120.0 TiB"),
        ];
        for (length, text) in cases {
            assert_eq!(size(length), text);
        }
    }
}
