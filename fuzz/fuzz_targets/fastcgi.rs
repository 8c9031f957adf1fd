//! The bytes of a connection are read alike however they arrive; params make a head of HTTP, or none.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use stackup::serve::server::cgi;
use stackup::serve::server::fastcgi::{Begun, Decoder, Kind, Malformed, Opening, Pairs, Piece, Step, Values};

/// The most bytes of params: small, so that the fuzzer reaches it.
const LIMIT: usize = 512;

/// The most fields of a request.
const FIELDS: usize = 20;

fuzz_target!(|bytes: &[u8]| {
    let whole = pieces(bytes, bytes.len());
    let begun = requests(bytes, bytes.len());
    for size in [1, 7, bytes.len() / 2] {
        assert_eq!(pieces(bytes, size), whole);
        assert_eq!(requests(bytes, size), begun);
    }
    for params in begun.requests.iter().filter_map(|request| request.params.as_deref()) {
        is_head_or_none(params);
    }
});

/// The records in `bytes`, of which `size` arrive at a time. Parts of one record of a stream are one.
fn pieces(bytes: &[u8], size: usize) -> (Vec<Record>, Result<(), Malformed>) {
    let mut records: Vec<Record> = Vec::new();
    let ended = each_piece(bytes, size, |piece| {
        let Piece { kind, id, content } = piece;
        let is_stream = matches!(kind, Kind::Params | Kind::Stdin | Kind::Data);
        match records.last_mut().filter(|last| is_stream && last.kind == kind && last.id == id) {
            // An empty one ends the stream.
            Some(last) if !content.is_empty() && !last.content.is_empty() => last.content.extend_from_slice(&content),
            _ => records.push(Record { kind, id, content: content.to_vec() }),
        }
        Ok(())
    });
    (records, ended)
}

#[derive(Debug, PartialEq)]
struct Record {
    kind: Kind,
    id: u16,
    content: Vec<u8>,
}

/// What the records come to.
#[derive(Debug, PartialEq)]
struct Requests {
    requests: Vec<Request>,
    answers: BytesMut,
    ended: Result<(), Malformed>,
}

#[derive(Debug, PartialEq)]
struct Request {
    id: u16,
    keeps_connection: bool,
    /// None if they are too large.
    params: Option<Vec<u8>>,
    has_body: Option<bool>,
}

impl From<Begun> for Request {
    fn from(begun: Begun) -> Self {
        Self {
            id: begun.id,
            keeps_connection: begun.keeps_connection,
            params: (!begun.is_too_large).then(|| begun.params.to_vec()),
            has_body: begun.first.map(|first| !first.is_empty()),
        }
    }
}

fn requests(bytes: &[u8], size: usize) -> Requests {
    let mut opening = Opening::new(Values { connections: 30 }, LIMIT);
    let (mut requests, mut answers) = (Vec::new(), BytesMut::new());
    let ended = each_piece(bytes, size, |piece| {
        if let Step::Begun(begun) = opening.take(piece, &mut answers)? {
            assert!(begun.params.len() <= LIMIT);
            requests.push(begun.into());
        }
        Ok(())
    });
    Requests { requests, answers, ended }
}

fn each_piece(bytes: &[u8], size: usize, mut take: impl FnMut(Piece) -> Result<(), Malformed>) -> Result<(), Malformed> {
    let mut decoder = Decoder::default();
    for part in bytes.chunks(size.max(1)) {
        decoder.buffer().extend_from_slice(part);
        while let Some(piece) = decoder.next()? {
            take(piece)?;
        }
    }
    Ok(())
}

/// Nothing that HTTP/1 reads as the end of a line gets into a head.
fn is_head_or_none(params: &[u8]) {
    let Ok(head) = cgi::read(&Pairs::of(params), true, FIELDS) else { return };
    assert!(head.parts.headers.len() <= FIELDS || head.framing.is_err());
    assert!(head.parts.uri.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
    for (name, value) in &head.parts.headers {
        assert!(!name.as_str().contains('_'), "{name} would hide behind the same with hyphens");
        assert!(!value.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte)));
    }
    for hop in ["connection", "keep-alive", "te", "transfer-encoding", "upgrade"] {
        assert!(!head.parts.headers.contains_key(hop), "{hop} is the front server's");
    }
}
