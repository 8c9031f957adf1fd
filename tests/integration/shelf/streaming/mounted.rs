//! Every middleware of the shelf, mounted so that it handles a stream.

/// A middleware and the stream through it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mounted {
    /// Its plugin.
    pub(super) name: &'static str,
    /// Its config, as an inline table.
    pub(super) config: &'static str,
    /// Header lines of the request.
    pub(super) lines: &'static [&'static str],
    /// The pieces of the request's body.
    pub(super) sent: [&'static str; 2],
    /// The echo of each piece.
    pub(super) back: [&'static str; 2],
    /// Content codings that the client accepts and gets.
    pub(super) codings: &'static [&'static str],
}

impl Mounted {
    /// Its directive in a manifest.
    pub(super) fn directive(&self) -> String {
        format!("{{ plugin = \"{}\", config = {} }}", self.name, self.config)
    }
}

const fn mounted(name: &'static str, config: &'static str) -> Mounted {
    Mounted {
        name,
        config,
        lines: &[],
        sent: ["first piece, ", "second piece, "],
        back: ["first piece, ", "second piece, "],
        codings: &[""],
    }
}

/// All of them. In one stack, the first is the outermost.
pub(super) const MOUNTED: &[Mounted] = &[
    mounted("logger", "{ format = \"json\" }"),
    mounted("show-exceptions", "{ environments = [\"production\"] }"),
    Mounted {
        codings: &["", "gzip", "br", "zstd"],
        ..mounted("deflater", "{}")
    },
    mounted("head", "{}"),
    mounted("recursive", "{}"),
    mounted("cache", "{}"),
    mounted("conditional-get", "{}"),
    mounted("etag", "{}"),
    Mounted {
        lines: &["content-type: application/x-www-form-urlencoded"],
        sent: ["_method=PUT&first=1&", "second=2&"],
        back: ["_method=PUT&first=1&", "second=2&"],
        ..mounted("method-override", "{}")
    },
    Mounted {
        // ann:sesame
        lines: &["authorization: Basic YW5uOnNlc2FtZQ=="],
        ..mounted(
            "basic-auth",
            "{ users = { ann = \"$2y$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW\" } }",
        )
    },
    mounted("body-limit", "{ bytes = 1000 }"),
    mounted("concurrency-limit", "{ limit = 10 }"),
    mounted("config", "{ env = { \"app.name\" = \"shop\" } }"),
    mounted("content-length", "{}"),
    mounted("content-type", "{}"),
    Mounted {
        lines: &["x-forwarded-proto: https"],
        ..mounted("force-ssl", "{}")
    },
    mounted(
        "cors",
        "{ origins = [\"https://www.example.com\"], credentials = true }",
    ),
    mounted("host-authorization", "{ hosts = [\"test\"] }"),
    mounted(
        "security-headers",
        "{ csp = { script-src = [\"'self'\"] }, csp_nonce = [\"script-src\"] }",
    ),
    mounted("headers", "{ set = { x-frame-options = \"DENY\" } }"),
    mounted("lint", "{}"),
    mounted("lock", "{}"),
    mounted("maintenance", "{ enabled = false }"),
    mounted("null-logger", "{}"),
    Mounted {
        back: ["irstfay iecepay, ", "econdsay iecepay, "],
        ..mounted("pig-latin", "{}")
    },
    mounted("request-id", "{}"),
    mounted("rewrite", "{ rules = [{ from = '^/(.*)$', to = '/$1' }] }"),
    mounted("runtime", "{}"),
    mounted("sendfile", "{ variation = \"x-sendfile\" }"),
    mounted(
        "session",
        "{ secrets = [\"a secret of the tests, of 32 bytes or more\"] }",
    ),
    mounted("show-status", "{}"),
    mounted("static", "{ urls = [\"/assets\"], root = \".\" }"),
    mounted(
        "throttle",
        "{ rules = [{ name = \"all\", action = \"throttle\", rate = \"1000/s\" }] }",
    ),
    mounted("timeout", "{}"),
];
