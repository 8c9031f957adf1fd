//! A response, and the parts of it that are compared.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use stackup_tests::http::Head;

use super::case::{Case, Compared};

/// Headers about the server and the connection.
const OF_THE_SERVER: [&str; 5] = [
    "connection",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
];
/// Lists whose order and case do not matter.
const LISTS: [&str; 2] = ["allow", "vary"];

#[derive(Debug)]
pub(super) struct Answer {
    head: Head,
    body: Vec<u8>,
    log: Option<String>,
}

impl Answer {
    pub(super) fn new(head: Head, body: Vec<u8>) -> Self {
        let log = None;
        Self { head, body, log }
    }

    /// Adds its log line without times.
    pub(super) fn log(&mut self, line: &str) {
        let mut line = line.trim_end().to_owned();
        if let (Some(from), Some(to)) = (line.find('['), line.find(']')) {
            line.replace_range(from + 1..to, "time");
        }
        let seconds = line.rfind(' ').map_or(0, |at| at + 1);
        line.replace_range(seconds.., "seconds");
        self.log = Some(line);
    }

    /// Each field by its name: `status`, `body`, `log`, and headers.
    pub(super) fn fields(mut self, case: &Case, site: &Path) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        fields.insert("status".to_owned(), self.head.status.to_string());
        if let Some(log) = self.log.take() {
            fields.insert("log".to_owned(), log);
        }
        let site = site.to_string_lossy().into_owned();
        let boundary = self.boundary();
        let alike = |text: &str| {
            let text = text.replace(&site, "SITE");
            match &boundary {
                Some(boundary) => text.replace(boundary.as_str(), "BOUNDARY"),
                None => text,
            }
        };
        for (name, _) in &self.head.headers {
            if !OF_THE_SERVER.contains(&&**name) {
                let values: Vec<&str> = self.head.all(name).collect();
                fields.insert(name.clone(), normal(name, &alike(&values.join(", "))));
            }
        }
        let body = alike(&self.content());
        match &case.body {
            Compared::Whole => {
                fields.insert("body".to_owned(), body);
            }
            Compared::Links => {
                // The length of a page depends on its wording.
                fields.remove("content-length");
                fields.insert("body".to_owned(), links(&body));
            }
            Compared::Page(text) => {
                fields.remove("content-length");
                let has = format!("has {text:?}: {}", body.contains(text));
                fields.insert("body".to_owned(), has);
            }
        }
        fields
    }

    fn boundary(&self) -> Option<String> {
        let media = self.head.header("content-type")?;
        let (_, boundary) = media.split_once("boundary=")?;
        Some(boundary.trim_matches('"').to_owned())
    }

    /// The decompressed body: compressors may produce different bytes.
    fn content(&self) -> String {
        let mut content = Vec::new();
        if self.head.header("content-encoding") == Some("gzip") && !self.body.is_empty() {
            let read = GzDecoder::new(&*self.body).read_to_end(&mut content);
            read.expect("a gzip body");
        } else {
            content.clone_from(&self.body);
        }
        String::from_utf8_lossy(&content).into_owned()
    }
}

fn normal(name: &str, value: &str) -> String {
    if LISTS.contains(&name) {
        let mut items: Vec<String> = value
            .split(',')
            .map(|item| item.trim().to_ascii_lowercase())
            .collect();
        items.sort_unstable();
        return items.join(", ");
    }
    // The value of a cookie is random; its attributes are not.
    if let ("set-cookie", Some((name, attributes))) = (name, value.split_once(';')) {
        let name = name.split('=').next().unwrap_or_default();
        let mut attributes: Vec<String> = attributes
            .split(';')
            .map(|text| text.trim().to_ascii_lowercase())
            .collect();
        attributes.sort_unstable();
        return format!("{name}; {}", attributes.join("; "));
    }
    match name.starts_with("x-runtime") && value.contains('.') {
        true => value.replace(|c: char| c.is_ascii_digit(), "0"),
        false => value.to_owned(),
    }
}

/// The last segments of all `href`s.
fn links(page: &str) -> String {
    let page = page.replace("&#x2F;", "/");
    let hrefs = page.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next()?;
        let (link, _) = rest[1..].split_once(quote)?;
        let name = link.trim_end_matches('/').rsplit('/').next()?;
        Some(name.to_owned() + if link.ends_with('/') { "/" } else { "" })
    });
    let mut links: Vec<String> = hrefs.collect();
    links.sort_unstable();
    links.join(" ")
}
