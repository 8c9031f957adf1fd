use proptest::prelude::*;

use super::*;

/// Reads all bytes at once, then each alone: both must come to the same.
fn read(bytes: &[u8]) -> Result<bool, FramingError> {
    let mut whole = Framing::default();
    let at_once = whole.read(bytes);
    let mut single = Framing::default();
    let one_by_one = bytes.iter().enumerate().try_for_each(|(valid, byte)| {
        let refused = |refused: Refused| Refused { valid, ..refused };
        single.read(&[*byte]).map_err(refused)
    });
    assert_eq!(at_once, one_by_one, "{}", bytes.escape_ascii());
    assert!(
        at_once.is_err() || whole.at == single.at,
        "{}",
        bytes.escape_ascii()
    );
    at_once.map_err(|refused| refused.error)?;
    Ok(whole.at == At::Start)
}

/// Whether a request with these lines has its head accepted, and is complete.
fn head(lines: &str) -> Result<bool, FramingError> {
    read(format!("POST /x HTTP/1.1\r\nhost: a\r\n{lines}\r\n").as_bytes())
}

fn chunked(body: &str) -> Result<bool, FramingError> {
    head(&format!("transfer-encoding: chunked\r\n\r\n{body}").replace("\r\n\r\n\r\n", "\r\n\r\n"))
}

#[test]
fn length_is_one_number() {
    for (lines, wanted) in [
        ("", Ok(true)),
        ("content-length: 0\r\n", Ok(true)),
        ("content-length: 5\r\n", Ok(false)),
        ("Content-LENGTH:\t 007 \t\r\n", Ok(false)),
        ("content-length: 5\r\ncontent-length: 5\r\n", Ok(false)),
        ("content-lengths: x\r\ncontent-lengt: x\r\n", Ok(true)),
        (
            "x-content-length: x\r\ncookie: content-length: x\r\n",
            Ok(true),
        ),
        ("content-length: 18446744073709551613\r\n", Ok(false)),
        (
            "content-length: 5\r\ncontent-length: 6\r\n",
            Err(FramingError::InvalidLength),
        ),
        ("content-length:\r\n", Err(FramingError::InvalidLength)),
        ("content-length: +5\r\n", Err(FramingError::InvalidLength)),
        ("content-length: -1\r\n", Err(FramingError::InvalidLength)),
        ("content-length: 5, 5\r\n", Err(FramingError::InvalidLength)),
        ("content-length: 5 5\r\n", Err(FramingError::InvalidLength)),
        ("content-length: 0x5\r\n", Err(FramingError::InvalidLength)),
        (
            "content-length: 18446744073709551614\r\n",
            Err(FramingError::LengthTooLarge),
        ),
        (
            "content-length: 18446744073709551615\r\n",
            Err(FramingError::LengthTooLarge),
        ),
        (
            "content-length: 99999999999999999999999999\r\n",
            Err(FramingError::LengthTooLarge),
        ),
    ] {
        assert_eq!(head(lines), wanted, "{lines}");
    }
}

#[test]
fn only_coding_is_chunked() {
    for (lines, wanted) in [
        ("transfer-encoding: chunked\r\n", Ok(false)),
        ("Transfer-Encoding: \t CHUNKED \r\n", Ok(false)),
        (
            "transfer-encodings: x\r\ntrailer: chunked\r\nte: trailers\r\n",
            Ok(true),
        ),
        ("transfer-encoding: , chunked\r\n", Ok(false)),
        (
            "transfer-encoding: gzip, chunked\r\n",
            Err(FramingError::UnknownCoding),
        ),
        (
            "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
            Err(FramingError::UnknownCoding),
        ),
        (
            "transfer-encoding: x chunked\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: chunk ed\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: \x0bchunked\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: xchunked\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: chunkedx\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: chunked;q=1\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: \"chunked\"\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: chunked, gzip\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: chunked, chunked\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
            Err(FramingError::NotChunked),
        ),
        (
            "transfer-encoding: identity\r\n",
            Err(FramingError::NotChunked),
        ),
        ("transfer-encoding:\r\n", Err(FramingError::NotChunked)),
        (
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            Err(FramingError::LengthAndCoding),
        ),
        (
            "content-length: 0\r\ntransfer-encoding: chunked\r\n",
            Err(FramingError::LengthAndCoding),
        ),
    ] {
        assert_eq!(head(lines), wanted, "{lines}");
    }
}

#[test]
fn target_has_no_fragment() {
    let line =
        |target: &str| read(format!("G#T {target} HTTP/1.1\r\nreferer: /a#b\r\n\r\n").as_bytes());
    assert_eq!(line("/"), Ok(true));
    for target in [
        "/#",
        "/a#b",
        "#",
        "/a?b#c",
        "http://a#b",
        &format!("/{}#", "a".repeat(40)),
    ] {
        assert_eq!(line(target), Err(FramingError::Fragment), "{target}");
    }
}

#[test]
fn chunks_are_to_the_letter() {
    for body in [
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "00000005\r\nhello\r\n000\r\n\r\n",
        "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
        "5;a\r\nhello\r\n0;b=c\r\n\r\n",
        "5 ; a = b ; c = \"d\\\"; \t\u{e9}\" ;e\r\nhello\r\n0\r\n\r\n",
        "0\r\nx: y\r\nz:\tw \r\n\r\n",
    ] {
        assert_eq!(chunked(body), Ok(true), "{body}");
    }
    for body in [
        "\r\n",
        "g\r\n",
        "-5\r\n",
        "+5\r\n",
        "0x5\r\n",
        " 5\r\n",
        ";a\r\n",
        "5 \r\n",
        "5\t\r\n",
        "5\n",
        "5\r\r",
        "5\rhello",
        "5;\r\n",
        "5; \r\n",
        "5;a \r\n",
        "5;a=\r\n",
        "5;a=b \r\n",
        "5;a=b c\r\n",
        "5;=b\r\n",
        "5;a\0\r\n",
        "5;a=\"\0\"\r\n",
        "5;a=\"b\"c\r\n",
        "5;a=\"b\r\n\"\r\n",
        "5;a\n",
        "5;a=\"b\\\r\n",
        "5\r\nhello6",
        "5\r\nhello\n",
        "5\r\nhello\r6",
        "00000000000000005\r\n",
        "10000000000000000\r\n",
    ] {
        assert_eq!(
            chunked(body),
            Err(FramingError::InvalidChunk),
            "{}",
            body.escape_debug()
        );
    }
    let long = format!("5;a={}\r\n", "b".repeat(5000));
    assert_eq!(chunked(&long), Err(FramingError::ChunkLineTooLong));
    let zeros = "0".repeat(100_000);
    assert_eq!(chunked(&zeros), Err(FramingError::InvalidChunk));
    for body in [
        "0\r\nx: y\n\r\n",
        "0\r\n x: y\r\n",
        "0\r\nx: \0\r\n",
        "0\r\nx: y\rz\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\n: y\r\n",
    ] {
        assert_eq!(
            chunked(body),
            Err(FramingError::InvalidTrailers),
            "{}",
            body.escape_debug()
        );
    }
}

#[test]
fn error_is_found_in_the_request_it_belongs_to() {
    let first = "\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\n\r\na#bGET / HTTP/1.1\n\n";
    let second = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n#\r\n0\r\n\r\n";
    let third = "GET /";
    let all = format!("{first}{second}{third}#a HTTP/1.1\r\n\r\n");
    let refused = Framing::default().read(all.as_bytes()).unwrap_err();
    let valid = first.len() + second.len() + third.len();
    assert_eq!(
        refused,
        Refused {
            valid,
            error: FramingError::Fragment
        }
    );
    let head = "POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r";
    let refused = Framing::default()
        .read(format!("{head}\n").as_bytes())
        .unwrap_err();
    assert_eq!(
        refused.valid,
        head.len(),
        "hyper must not see the end of the head"
    );
}

/// What arrives in one read, and whether each head that hyper reads of it has a body.
fn arrive(bytes: &str, bodies: &[bool]) -> Result<(), FramingError> {
    let mut arrivals = Arrivals::default();
    arrivals
        .arrive(bytes.as_bytes())
        .map_err(|refused| refused.error)?;
    bodies
        .iter()
        .try_for_each(|has_body| arrivals.begin(*has_body))?;
    // Another read finds the connection between two requests.
    arrivals
        .arrive(b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n")
        .expect_err("a head");
    Ok(())
}

#[test]
fn read_is_looked_at_when_a_request_has_a_body_or_follows_another() {
    let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let with = |lines: &str| format!("GET / HTTP/1.1\r\n{lines}\r\n\r\n");
    let chunked = with("transfer-encoding: chunked");
    let body = "5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(arrive(get, &[false]), Ok(()));
    assert_eq!(arrive(&get.repeat(3), &[false; 3]), Ok(()));
    assert_eq!(arrive(&format!("{chunked}{body}"), &[true]), Ok(()));
    assert_eq!(
        arrive(&format!("{get}{chunked}{body}{get}"), &[false, true, false]),
        Ok(())
    );
    for (bytes, bodies, wanted) in [
        (
            format!("{chunked}5 \r\nhello\r\n0\r\n\r\n"),
            &[true][..],
            FramingError::InvalidChunk,
        ),
        (
            with("transfer-encoding: gzip, chunked") + body,
            &[true],
            FramingError::UnknownCoding,
        ),
        (
            with("content-length: 3\r\ntransfer-encoding: chunked") + body,
            &[true],
            FramingError::LengthAndCoding,
        ),
        (get.replace(" / ", " /#a "), &[], FramingError::Fragment),
        (
            format!("{get}{}", get.replace(" / ", " /#a ")),
            &[false, false],
            FramingError::Fragment,
        ),
        (
            format!("{get}{chunked}5;\r\nhello\r\n0\r\n\r\n"),
            &[false, true],
            FramingError::InvalidChunk,
        ),
    ] {
        assert_eq!(arrive(&bytes, bodies), Err(wanted), "{bytes:?}");
        let good = &bodies[..bodies.len().saturating_sub(1)];
        let first = good.is_empty() || arrive(&bytes, good).is_ok();
        assert!(first, "only the last is refused: {bytes:?}");
    }
}

proptest! {
    /// However bytes are split, they mean the same; hyper's parser finds the same ends of heads.
    #[test]
    fn heads_end_where_httparse_ends_them(
        lines in prop::collection::vec("(cookie|content-length|content-type|t|transfer-x|C|host|x):[ a-z0-9]{0,40}", 0..6),
        ends in prop::collection::vec(prop::bool::ANY, 8),
    ) {
        let end = |index: usize| if ends[index] { "\r\n" } else { "\n" };
        let mut head = format!("GET /a HTTP/1.1{}", end(0));
        for (index, line) in lines.iter().enumerate() {
            head += line;
            head += end(index + 1);
        }
        head += end(7);
        let mut headers = [httparse::EMPTY_HEADER; 10];
        let parsed = httparse::Request::new(&mut headers).parse(head.as_bytes());
        prop_assert_eq!(parsed, Ok(httparse::Status::Complete(head.len())));
        if let Ok(complete) = read(head.as_bytes()) {
            let has_body = lines.iter().any(|line| line.starts_with("content-length"));
            prop_assert!(complete || has_body);
        }
    }
}
