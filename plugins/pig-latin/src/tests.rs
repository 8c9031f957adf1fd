use proptest::prelude::*;
use stackup_plugin::body::Rewrite;
use stackup_plugin::testing::{self, TestRequest, block_on, get};
use stackup_plugin::{Body, Bytes, IntoResponse};

use super::*;

/// The text of chunks, translated.
fn translate<C: AsRef<[u8]>>(html: bool, chunks: impl IntoIterator<Item = C>) -> Vec<u8> {
    let mut latin = Latin::new(html);
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend(latin.chunk(Bytes::copy_from_slice(chunk.as_ref())).unwrap());
    }
    out.extend(latin.end().unwrap());
    out
}

fn answer(request: TestRequest, below: impl IntoResponse + Send + 'static) -> (Response, String) {
    block_on(async {
        let middleware = testing::middleware_fn(pig_latin).unwrap();
        let mut res = middleware
            .call(request, async move |_req| below)
            .await
            .unwrap();
        let body = res.take_body().collect(1 << 20).await.unwrap();
        let mut head = Response::new(res.status());
        for (name, value) in res.headers().iter() {
            head.headers_mut().append(name, value).unwrap();
        }
        (head, String::from_utf8(body.bytes.to_vec()).unwrap())
    })
}

#[test]
fn text_is_translated() {
    let text = "Hello, World! The quick brown fox can't jump; 'tis 42 o'clock.\n";
    let latin =
        "Ellohay, Orldway! Ethay ickquay ownbray oxfay an'tcay umpjay; 'istay 42 o'clockway.\n";
    let tagged = (
        StatusCode::OK,
        [
            ("etag", "\"1\""),
            ("content-length", "64"),
            ("accept-ranges", "bytes"),
            ("x-kept", "1"),
        ],
        text,
    );
    let (res, body) = answer(get("/"), tagged);
    assert_eq!(body, latin);
    for gone in ["etag", "content-length", "accept-ranges"] {
        assert!(!res.headers().contains(gone), "{gone}");
    }
    assert_eq!(res.header("x-kept"), Some("1"));
}

#[test]
fn html_keeps_its_markup() {
    let html = "<p class=\"big\">Hello <b>w</b>orld &amp; caf&eacute;</p><script>var x</script>";
    let latin =
        "<p class=\"big\">Ellohay <b>way</b>orldway &amp; afcay&eacute;</p><script>var x</script>";
    assert_eq!(answer(get("/"), stackup_plugin::Html(html)).1, latin);
}

#[test]
fn other_responses_are_left_alone() {
    let with = |status: StatusCode, fields: &[(&'static str, &'static str)]| {
        let mut all = vec![("content-type", "text/plain"), ("etag", "\"1\"")];
        all.extend(fields);
        let mut map = stackup_plugin::http::HeaderMap::new();
        for (name, value) in all {
            map.insert(name, value.parse().unwrap());
        }
        (status, map, "Hello")
    };
    let cases = [
        with(StatusCode::OK, &[("content-type", "application/json")]),
        with(
            StatusCode::OK,
            &[("content-type", "text/plain; charset=utf-16")],
        ),
        with(StatusCode::OK, &[("content-encoding", "gzip")]),
        with(StatusCode::OK, &[("cache-control", "public, No-Transform")]),
        with(StatusCode::PARTIAL_CONTENT, &[]),
        with(StatusCode::NO_CONTENT, &[]),
        with(StatusCode::NOT_MODIFIED, &[]),
    ];
    for case in cases {
        let shown = format!("{case:?}");
        let (res, body) = answer(get("/"), case);
        assert_eq!(
            (body.as_str(), res.header("etag")),
            ("Hello", Some("\"1\"")),
            "{shown}"
        );
    }
}

#[test]
fn head_says_what_get_would() {
    let request = testing::request(Method::HEAD, "/");
    let fields = [("content-length", "5"), ("content-type", "text/plain")];
    let (res, body) = answer(request, (StatusCode::OK, fields, ()));
    assert_eq!((body.as_str(), res.header("content-length")), ("", None));
}

#[test]
fn nothing_waits_but_the_last_word() {
    block_on(async {
        let (mut sender, body) = Body::channel(1);
        let mut body = body.rewrite(Latin::new(false));
        sender.send("Hello, wo").await.unwrap();
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, "Ellohay, ");
        sender.send("rld").await.unwrap();
        drop(sender);
        assert_eq!(body.collect(100).await.unwrap().bytes, "orldway");
    });
}

#[test]
fn what_is_too_long_for_a_word_goes_on_as_it_is() {
    let long = "b".repeat(100_000);
    let mut latin = Latin::new(false);
    let first = latin.chunk(Bytes::from(long.clone())).unwrap();
    assert_eq!(first.len(), long.len());
    assert_eq!(latin.chunk(Bytes::from("c hi")).unwrap(), "c ");
    assert_eq!(latin.end().unwrap(), "ihay");
}

/// Text with all that could go wrong where it is cut.
fn awkward() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[a-zA-Z'’éß日🎉]{0,12}".prop_map(String::into_bytes),
        "[ \n.,;0-9]{0,3}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            "<b>",
            "</b>",
            "<!-- x -->",
            "<script>",
            "</script>",
            "&amp;",
            "<",
            "&",
            "\"",
            "<a b='>'>"
        ])
        .prop_map(|markup| markup.as_bytes().to_vec()),
        "[a-z]{60,70}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cuts_change_nothing(text in awkward(), html: bool, mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        cuts.sort_by_key(|cut| cut.index(text.len() + 1));
        let mut chunks = Vec::new();
        let mut from = 0;
        for cut in cuts {
            let to = cut.index(text.len() + 1);
            chunks.push(&text[from..to]);
            from = to;
        }
        chunks.push(&text[from..]);
        let whole = translate(html, [&text]);
        prop_assert_eq!(&translate(html, chunks), &whole);
        prop_assert_eq!(&translate(html, text.chunks(1)), &whole);
    }
}
