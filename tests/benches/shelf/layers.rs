//! The layers that are measured, each with work to do where it has any.

use stackup_tests::browser::BROWSER_HEADERS;

/// A page of 1 KiB.
pub(crate) const PAGE: [u8; 1024] = {
    let sentence = b"Each layer of the stack is a dynamic library of its own. ";
    let mut page = [0; 1024];
    let mut at = 0;
    while at < page.len() {
        page[at] = sentence[at % sentence.len()];
        at += 1;
    }
    page
};

/// A browser's headers, without those that only some layers get: with them, other layers would have more to do.
pub(crate) fn browser_headers() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let own = ["accept-encoding", "x-request-id"];
    let headers = BROWSER_HEADERS.iter();
    headers.filter(move |(name, _)| !own.contains(name))
}

/// A directive above the app, and a request to both.
pub(crate) struct Layer {
    handler: &'static str,
    config: &'static str,
    /// Its effect here, if that is not obvious.
    does: &'static str,
    pub(crate) method: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: &'static str,
    pub(crate) status: u16,
}

impl Layer {
    /// Its row in the table.
    pub(crate) fn title(&self) -> String {
        match self.does {
            "" => format!("`{}`", self.handler),
            does => format!("`{}`: {does}", self.handler),
        }
    }

    /// Its library.
    pub(crate) fn plugin(&self) -> &'static str {
        let (plugin, _) = self.handler.split_once('#').unwrap_or((self.handler, ""));
        if plugin.is_empty() { "respond" } else { plugin }
    }

    /// The stack that it is in.
    pub(crate) fn manifest(&self) -> String {
        let app = "run = { plugin = \"respond\", config = { file = \"page.html\", headers = { last-modified = \"Thu, 01 Jan 2026 00:00:00 GMT\" } } }\n";
        // With a `date`, `etag` would do nothing.
        let app = match self.handler {
            "etag" => "run = { plugin = \"respond\", config = { file = \"page.html\" } }\n",
            _ => app,
        };
        match self.handler {
            "" => app.to_owned(),
            handler => format!(
                "{app}use = [{{ plugin = \"{handler}\", config = {} }}]\n",
                self.config
            ),
        }
    }
}

const fn layer(handler: &'static str, config: &'static str) -> Layer {
    Layer {
        handler,
        config,
        does: "",
        method: "GET",
        headers: &[],
        body: "",
        status: 200,
    }
}

/// A list of offices and of crawlers, bans of two kinds, and six limits for parts of a site.
const TEN_RULES: &str = r#"{ rules = [
    { name = "office", action = "safelist", when = { client = ["10.0.0.0/8", "2001:db8::/32"] } },
    { name = "crawlers", action = "blocklist", when = { header = { user-agent = { regex = "(?i)crawl|scan" } } } },
    { name = "old", action = "blocklist", when = { path = ["/wp-admin", "/.env"] } },
    { name = "login", action = "throttle", rate = "5/20s", when = { path = ["/login"], method = ["POST"] } },
    { name = "reset", action = "throttle", rate = "3/h", when = { path = ["/reset"], method = ["POST"] } },
    { name = "search", action = "throttle", rate = "30/m", when = { path = ["/search"] } },
    { name = "api", action = "throttle", rate = "100/m", key = ["header:x-api-key"], when = { path = ["/api"] } },
    { name = "upload", action = "throttle", rate = "10/m", when = { method = ["PUT"] } },
    { name = "odd", action = "track", when = { not = { header = { user-agent = true } } } },
    { name = "all", action = "throttle", rate = "1000000/ms", burst = 1000000 },
] }"#;

/// The first is the app alone, the second does nothing.
pub(crate) const LAYERS: &[Layer] = &[
    layer("", "{}"),
    Layer {
        does: "nothing",
        ..layer("ten-headers#nothing", "{}")
    },
    Layer {
        does: "a password that it knows",
        // ann:sesame
        headers: &[("authorization", "Basic YW5uOnNlc2FtZQ==")],
        ..layer(
            "basic-auth",
            "{ users = { ann = \"$2y$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW\" } }",
        )
    },
    layer("body-limit", "{}"),
    Layer {
        does: "a response that says nothing about caching",
        ..layer("cache", "{}")
    },
    layer("concurrency-limit", "{ limit = 10 }"),
    layer("conditional-get", "{}"),
    Layer {
        does: "304",
        headers: &[("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT")],
        status: 304,
        ..layer("conditional-get", "{}")
    },
    Layer {
        does: "a value and a header",
        ..layer(
            "config",
            "{ env = { \"app.name\" = \"shop\" }, headers = { x-tenant = \"a\" } }",
        )
    },
    layer("content-length", "{}"),
    layer("content-type", "{}"),
    Layer {
        does: "of another origin",
        headers: &[("origin", "https://www.example.com")],
        ..layer("cors", "{ origins = [\"https://www.example.com\"] }")
    },
    Layer {
        does: "a client that takes none",
        ..layer("deflater", "{}")
    },
    Layer {
        does: "gzip of 1 KiB",
        headers: &[("accept-encoding", "gzip")],
        ..layer("deflater", "{}")
    },
    Layer {
        does: "br of 1 KiB",
        headers: &[("accept-encoding", "br")],
        ..layer("deflater", "{}")
    },
    Layer {
        does: "zstd of 1 KiB",
        headers: &[("accept-encoding", "zstd")],
        ..layer("deflater", "{}")
    },
    Layer {
        does: "SHA-256 of 1 KiB",
        ..layer("etag", "{}")
    },
    Layer {
        does: "sends to https",
        status: 301,
        ..layer("force-ssl", "{}")
    },
    layer("head", "{}"),
    Layer {
        does: "HEAD",
        method: "HEAD",
        ..layer("head", "{}")
    },
    Layer {
        does: "three set",
        ..layer(
            "headers",
            "{ set = { x-frame-options = \"DENY\", x-content-type-options = \"nosniff\", referrer-policy = \"no-referrer\" } }",
        )
    },
    layer("host-authorization", "{ hosts = [\"www.example.com\"] }"),
    layer("lint", "{}"),
    layer("lock", "{}"),
    Layer {
        does: "a line",
        ..layer("logger", "{}")
    },
    Layer {
        does: "a line of JSON",
        ..layer("logger", "{ format = \"json\" }")
    },
    layer("maintenance", "{ file = \"maintenance.on\" }"),
    layer("method-override", "{}"),
    Layer {
        does: "a form",
        method: "POST",
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body: "_method=PUT&title=a+title&text=a+text",
        ..layer("method-override", "{}")
    },
    layer("null-logger", "{}"),
    Layer {
        does: "1 KiB of text",
        ..layer("pig-latin", "{}")
    },
    layer("request-id", "{}"),
    Layer {
        does: "one rule",
        ..layer(
            "rewrite",
            "{ rules = [{ from = '^/articles/(\\d+)$', to = '/pages/$1' }] }",
        )
    },
    layer("runtime", "{}"),
    layer("security-headers", "{}"),
    Layer {
        does: "with a nonce",
        ..layer(
            "security-headers",
            "{ csp = { script-src = [\"'self'\"] }, csp_nonce = [\"script-src\"] }",
        )
    },
    layer("sendfile", "{ variation = \"x-sendfile\" }"),
    Layer {
        does: "a cookie that is none of its own",
        ..layer(
            "session",
            "{ secrets = [\"a secret of the bench, of 32 bytes or more\"] }",
        )
    },
    layer("show-exceptions", "{ environments = [\"production\"] }"),
    layer("show-status", "{}"),
    Layer {
        does: "a path that is not its own",
        ..layer("static", "{ urls = [\"/assets\"], root = \".\" }")
    },
    Layer {
        does: "a file of 1 KiB",
        ..layer(
            "static",
            "{ urls = { \"/articles/42\" = \"page.html\" }, root = \".\" }",
        )
    },
    Layer {
        does: "one rule, which counts",
        ..layer(
            "throttle",
            "{ rules = [{ name = \"all\", action = \"throttle\", rate = \"1000000/ms\", burst = 1000000 }] }",
        )
    },
    Layer {
        does: "ten rules, one of which counts",
        ..layer("throttle", TEN_RULES)
    },
    layer("timeout", "{}"),
];
