use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use flate2::write::GzDecoder;
use stackup_plugin::http::HeaderMap;
use stackup_plugin::testing::{self, Answered, Json, Mounted, block_on, get, json, request};
use stackup_plugin::{Bytes, Error};

use super::*;

fn mounted(config: Json) -> Mounted {
    testing::middleware::<Deflater>(config).unwrap()
}

/// The response to a GET that accepts this.
fn asked(config: Json, accept: &str, answer: impl IntoResponse + Send + 'static) -> Answered {
    let request = get("/").header("accept-encoding", accept);
    block_on(mounted(config).call(request, async move |_req: Request| answer)).unwrap()
}

fn gzipped(answer: impl IntoResponse + Send + 'static) -> Answered {
    asked(json!({}), "gzip", answer)
}

fn is_gzipped(answer: impl IntoResponse + Send + 'static) -> bool {
    gzipped(answer).header("content-encoding") == Some("gzip")
}

fn bytes(mut res: Answered) -> Bytes {
    block_on(res.take_body().collect(usize::MAX)).unwrap().bytes
}

fn decoded(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => {
            flate2::read::GzDecoder::new(bytes)
                .read_to_end(&mut out)
                .unwrap();
        }
        "br" => {
            brotli::Decompressor::new(bytes, 4096)
                .read_to_end(&mut out)
                .unwrap();
        }
        _ => out = zstd::decode_all(bytes).unwrap(),
    }
    out
}

#[test]
fn each_coding_round_trips() {
    // Not so regular that it would fit a piece.
    let noise = |n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes()[0];
    let content: Vec<u8> = (0..100_000).map(noise).collect();
    for coding in ["gzip", "br", "zstd"] {
        for sync in [true, false] {
            let config = json!({ "sync": sync });
            let res = asked(config, coding, content.clone());
            assert_eq!(res.header("content-encoding"), Some(coding));
            assert_eq!(decoded(coding, &bytes(res)), content, "{coding} {sync}");
        }
    }
    let text = "what is said twice is said twice, ".repeat(1000);
    assert!(bytes(asked(json!({}), "br", text.clone())).len() < text.len() / 50);
}

#[test]
fn each_chunk_can_be_decoded_before_the_next_arrives() {
    for coding in ["gzip", "br", "zstd"] {
        block_on(async {
            let (mut sender, body) = Body::channel(1);
            let mut body = asked(json!({}), coding, body).take_body();
            let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
            let into = Seen(Arc::clone(&seen));
            let mut sink: Box<dyn Write> = match coding {
                "gzip" => Box::new(GzDecoder::new(into)),
                "br" => Box::new(brotli::DecompressorWriter::new(into, 64)),
                _ => Box::new(zstd::stream::write::Decoder::new(into).unwrap()),
            };
            for text in ["first", "second"] {
                sender.send(text).await.unwrap();
                let frame = body.frame().await.unwrap().unwrap();
                sink.write_all(&frame.into_data().unwrap()).unwrap();
                sink.flush().unwrap();
                assert!(
                    seen.lock().unwrap().ends_with(text.as_bytes()),
                    "{coding} {text}"
                );
            }
            drop(sender);
            while let Some(frame) = body.frame().await {
                sink.write_all(&frame.unwrap().into_data().unwrap())
                    .unwrap();
            }
            assert_eq!(*seen.lock().unwrap(), b"firstsecond");
        });
    }
}

#[derive(Clone)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn headers_describe_the_compressed_form() {
    let headers = [
        ("content-length", "5"),
        ("accept-ranges", "bytes"),
        ("content-digest", "sha-256=:a:"),
        ("content-encoding", "identity"),
        ("content-type", "text/plain"),
        ("etag", "\"a\""),
        ("vary", "Cookie"),
    ];
    let res = gzipped((headers, "hello"));
    let header = |name: &str| res.header(name);
    assert_eq!(header("content-encoding"), Some("gzip"));
    assert_eq!(header("content-type"), Some("text/plain"));
    assert_eq!(header("etag"), Some("W/\"a\""));
    assert_eq!(header("vary"), Some("Cookie, accept-encoding"));
    for gone in ["accept-ranges", "content-digest"] {
        assert_eq!(header(gone), None);
    }
    let length = header("content-length").map(ToOwned::to_owned);
    assert_eq!(length, Some(bytes(res).len().to_string()));
}

#[test]
fn strong_etag_becomes_weak_and_malformed_one_is_removed() {
    let tag = |etag: &'static str| {
        let res = gzipped(([("etag", etag)], "a"));
        res.header("etag").map(ToOwned::to_owned)
    };
    assert_eq!(tag("\"\"").unwrap(), "W/\"\"");
    assert_eq!(tag("W/\"a\"").unwrap(), "W/\"a\"");
    for bad in ["a", "\"", "W/a", "W/", "w/\"a\""] {
        assert_eq!(tag(bad), None, "{bad}");
    }
    let plain = asked(json!({}), "", ([("etag", "\"a\"")], "a"));
    assert_eq!(plain.header("etag"), Some("\"a\""));
}

#[test]
fn plain_form_has_vary_too() {
    let vary = |accept: &str, answer: Result| {
        let res = asked(json!({}), accept, answer);
        res.header("vary").map(ToOwned::to_owned)
    };
    let said = |vary: &'static str| ([("vary", vary)], "a").into_response();
    assert_eq!(vary("", "a".into_response()).unwrap(), "accept-encoding");
    assert_eq!(vary("gzip", said("*")).unwrap(), "*");
    assert_eq!(
        vary("gzip", said("Accept-Encoding")).unwrap(),
        "Accept-Encoding"
    );
    // What has one form only does not vary.
    assert_eq!(
        vary(
            "gzip",
            ([("cache-control", "no-transform")], "a").into_response()
        ),
        None
    );
}

#[test]
fn fixed_responses_are_left_unchanged() {
    assert!(is_gzipped("a"));
    assert!(!is_gzipped((
        [("cache-control", "public, No-Transform")],
        "a"
    )));
    assert!(!is_gzipped(([("content-range", "bytes 0-0/2")], "a")));
    assert!(!is_gzipped((StatusCode::PARTIAL_CONTENT, "a")));
    assert!(!is_gzipped(StatusCode::NO_CONTENT));
    assert!(!is_gzipped(""));
    assert!(!is_gzipped(([("content-length", "0")], Body::channel(1).1)));
    // Twice would be once too much.
    let res = gzipped(([("content-encoding", "br")], "brotli"));
    assert_eq!(res.header("content-encoding"), Some("br"));
    assert_eq!(bytes(res), "brotli");
}

/// RFC 9110 §15.3.7, and its siblings.
#[test]
fn partial_and_conditional_responses_vary_as_the_whole_does() {
    let vary = |config: Json, answer: Result| {
        let res = asked(config, "gzip", answer);
        assert_eq!(res.header("content-encoding"), None);
        assert_eq!(res.header("etag"), Some("\"a\""));
        res.header("vary").map(ToOwned::to_owned)
    };
    let part = |kind: &'static str| {
        let headers = [("content-range", "bytes 0-0/2"), ("content-type", kind)];
        let headers = [headers[0], headers[1], ("etag", "\"a\"")];
        (StatusCode::PARTIAL_CONTENT, headers, "a").into_response()
    };
    let text_only = || json!({ "include": ["text/*"] });
    let said = Some("accept-encoding".to_owned());
    assert_eq!(vary(json!({}), part("text/plain")), said);
    assert_eq!(vary(text_only(), part("text/plain")), said);
    assert_eq!(vary(text_only(), part("image/png")), None);
    // The type of the whole is unknown.
    let parts = "Multipart/ByteRanges; boundary=x";
    assert_eq!(vary(text_only(), part(parts)), said);
    for status in [
        StatusCode::PRECONDITION_FAILED,
        StatusCode::RANGE_NOT_SATISFIABLE,
    ] {
        let answer = (status, [("etag", "\"a\"")], ()).into_response();
        assert_eq!(vary(text_only(), answer), said, "{status}");
    }
    let fixed =
        part("text/plain").and_then(|res| Ok(res.with_header("cache-control", "no-transform")?));
    assert_eq!(vary(json!({}), fixed), None);
}

#[test]
fn two_deflaters_compress_once() {
    let twice = mounted(json!({})).over(mounted(json!({})));
    let request = get("/").header("accept-encoding", "gzip");
    let res = block_on(twice.call(request, async |_req| "hello")).unwrap();
    assert_eq!(res.headers().get_all("content-encoding").count(), 1);
    assert_eq!(decoded("gzip", &bytes(res)), b"hello");
}

#[test]
fn only_included_types_are_compressed() {
    let is = |kind: &'static str| {
        let config = json!({ "include": ["text/*", "application/json"] });
        let res = asked(config, "gzip", ([("content-type", kind)], "a"));
        // What is not among them does not vary either.
        assert_eq!(
            res.headers().contains("vary"),
            res.headers().contains("content-encoding")
        );
        res.headers().contains("content-encoding")
    };
    assert!(is("text/html; charset=utf-8") && is("TEXT/css") && is("Application/JSON"));
    assert!(!is("image/png") && !is("application/jsonx") && !is("textual/html") && !is(""));
}

#[test]
fn client_that_accepts_nothing_gets_406() {
    let res = asked(json!({}), "identity;q=0", "a");
    assert_eq!(res.status(), 406);
    assert_eq!(res.header("vary"), Some("accept-encoding"));
    assert_eq!(
        res.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    // An error says more than that.
    let res = asked(json!({}), "*;q=0", (StatusCode::NOT_FOUND, "a"));
    assert_eq!(res.status(), 404);
}

#[test]
fn head_gets_the_headers_of_get() {
    let request = request(Method::HEAD, "/").header("accept-encoding", "gzip");
    let below = async |_req| ([("content-length", "5"), ("etag", "\"a\"")], "");
    let res = block_on(mounted(json!({})).call(request, below)).unwrap();
    assert_eq!(res.header("content-encoding"), Some("gzip"));
    assert_eq!(res.header("content-length"), None);
    assert_eq!(res.header("etag"), Some("W/\"a\""));
    assert_eq!(bytes(res), "");
}

#[test]
fn not_modified_has_vary_and_etag_of_the_200() {
    let answer = (StatusCode::NOT_MODIFIED, [("etag", "\"a\"")], ());
    let res = gzipped(answer);
    assert_eq!(res.header("etag"), Some("W/\"a\""));
    assert_eq!(res.header("vary"), Some("accept-encoding"));
    assert_eq!(res.header("content-encoding"), None);
    assert_eq!(bytes(res), "");
}

#[test]
fn trailers_and_errors_pass() {
    block_on(async {
        let (mut sender, body) = Body::channel(2);
        sender.send("a").await.unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        sender.finish(trailers).await.unwrap();
        let all = gzipped(body).take_body().collect(100).await.unwrap();
        assert_eq!(decoded("gzip", &all.bytes), b"a");
        assert_eq!(all.trailers.unwrap()["x-sum"], "1");

        let (sender, body) = Body::channel(1);
        sender.fail(Error::msg("disk on fire"));
        let error = gzipped(body).take_body().collect(100).await.unwrap_err();
        assert_eq!(error.message(), "disk on fire");
    });
}

#[test]
fn large_chunk_yields_to_other_requests() {
    block_on(async {
        let content = vec![0; 10 * 1024 * 1024];
        let mut body = gzipped(content.clone()).take_body();
        let mut turns = 0;
        let mut all = Vec::new();
        loop {
            let frame = std::future::poll_fn(|cx| {
                turns += 1;
                body.poll_frame(cx)
            });
            match frame.await {
                Some(frame) => all.extend(frame.unwrap().into_data().unwrap()),
                None => break,
            }
        }
        assert!(turns > 500, "only {turns} polls");
        assert_eq!(decoded("gzip", &all), content);
    });
}

#[test]
fn without_sync_small_chunks_are_merged() {
    let frames = |sync: bool| {
        let (mut sender, body) = Body::channel(20);
        for _ in 0..10 {
            block_on(sender.send("chunk ")).unwrap();
        }
        drop(sender);
        let mut body = asked(json!({ "sync": sync }), "gzip", body).take_body();
        let mut frames = 0;
        while block_on(body.frame()).is_some() {
            frames += 1;
        }
        frames
    };
    // The last one is flushed by the end.
    assert_eq!(frames(true), 10);
    assert!(frames(false) < 4);
}

#[test]
fn error_points_at_the_key() {
    let cases = [
        (json!({ "codings": [] }), "codings"),
        (json!({ "codings": ["deflate"] }), "codings[0]"),
        (json!({ "include": ["text/*", "html"] }), "include[1]"),
        (
            json!({ "include": ["text/html;charset=utf-8"] }),
            "include[0]",
        ),
        (json!({ "level": { "gzip": 0 } }), "level.gzip"),
        (json!({ "level": { "br": 12 } }), "level.br"),
        (json!({ "level": { "zstd": 20 } }), "level.zstd"),
    ];
    for (config, place) in cases {
        let error = testing::middleware::<Deflater>(config).err().unwrap();
        assert_eq!(error.place(), place, "{error}");
    }
}
