//! The env as a page.

use std::collections::BTreeMap;
use std::fmt::Write;

use stackup_plugin::Escaped;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width">
<title>env</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem; border-bottom: 1px solid #8884 }
td { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
th { font-weight: 600; white-space: nowrap }
</style>
<h1>env</h1>
<table>
"#;

pub(crate) fn page(env: &BTreeMap<String, String>) -> String {
    let mut page = HEAD.to_owned();
    for (name, value) in env {
        // Writing to a string does not fail.
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}<td>{}",
            Escaped(name),
            Escaped(value)
        );
    }
    page.push_str("</table>\n");
    page
}
