//! The table `tests/caches/cases.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use super::rivals::Rival;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    /// The versions that the table is about.
    versions: BTreeMap<String, String>,
    pub(super) case: Vec<Case>,
}

/// A response, and two requests for it.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(default)]
    status: Option<u16>,
    /// Lines of the response.
    #[serde(default)]
    response: Vec<String>,
    /// Lines of both requests.
    #[serde(default)]
    pub(super) request: Vec<String>,
    /// More lines of the second request.
    #[serde(default)]
    pub(super) second: Vec<String>,
    here: String,
    nginx: String,
    httpd: String,
    varnish: String,
    /// The paragraph that lets us reuse what another cache does not.
    why: Option<String>,
}

impl Cases {
    pub(super) fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("caches/cases.toml");
        let text = std::fs::read_to_string(&file).expect("the table");
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// What we reuse and another cache does not needs a paragraph.
    pub(super) fn check_reasons(&self) {
        for case in &self.case {
            let others = [&case.nginx, &case.httpd, &case.varnish];
            let alone = case.here == "store" && others.into_iter().any(|other| other == "ask");
            let paragraph = case.why.as_ref().is_some_and(|why| why.contains("RFC "));
            assert!(
                paragraph || !alone,
                "`{}` needs a paragraph in `why`",
                case.name
            );
        }
    }

    /// Whether the table is about this version.
    pub(super) fn knows_version(&self, rival: &Rival) -> bool {
        let version = self.versions.get(rival.name).map_or("", String::as_str);
        let is_known = rival.version.contains(version);
        if !is_known {
            eprintln!(
                "not compared: {} is {:?}, and the table is about {version}",
                rival.name, rival.version
            );
        }
        is_known
    }
}

impl Case {
    /// What the table says of a cache.
    pub(super) fn seen(&self, cache: &str) -> &str {
        match cache {
            "nginx" => &self.nginx,
            "httpd" => &self.httpd,
            "varnish" => &self.varnish,
            _ => &self.here,
        }
    }

    /// The target that has the origin answer so.
    pub(super) fn target(&self) -> String {
        let mut target = format!("/?body=a&case={}", encoded(&self.name));
        if let Some(status) = self.status {
            target.push_str(&format!("&status={status}"));
        }
        for line in &self.response {
            let line = at_now(&line.replacen(": ", ":", 1));
            target.push_str(&format!("&header={}", encoded(&line)));
        }
        target
    }
}

fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}

/// The line with `NOW-7200` in place of the date two hours ago.
fn at_now(line: &str) -> String {
    let Some((before, seconds)) = line.split_once("NOW-") else {
        return line.to_owned();
    };
    let ago = std::time::Duration::from_secs(seconds.parse().expect("seconds"));
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() - ago);
    format!("{before}{date}")
}
