//! What a browser sends.

/// The headers of a browser's request for a page.
pub const BROWSER_HEADERS: [(&str, &str); 10] = [
    ("host", "www.example.com"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("accept-language", "en-GB,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://www.example.com/index.html"),
    ("cookie", "session=0123456789abcdef; theme=dark"),
    ("connection", "keep-alive"),
    ("upgrade-insecure-requests", "1"),
    ("x-request-id", "7f1d3a52-6e0c-4d1f-9c58-0a6c8d9e1b2f"),
];
