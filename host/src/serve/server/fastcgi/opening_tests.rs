use super::*;
use crate::serve::server::fastcgi::pairs::put_pair;
use crate::serve::server::fastcgi::record::Decoder;

const RESPONDER_KEEP: [u8; 8] = [0, 1, 1, 0, 0, 0, 0, 0];
const RESPONDER_ONCE: [u8; 8] = [0, 1, 0, 0, 0, 0, 0, 0];
const FILTER_ONCE: [u8; 8] = [0, 3, 0, 0, 0, 0, 0, 0];

fn piece(kind: Kind, id: u16, content: &[u8]) -> Piece {
    Piece {
        kind,
        id,
        content: Bytes::copy_from_slice(content),
    }
}

fn opening() -> Opening {
    Opening::new(Values { connections: 1 }, 100)
}

fn params(name: &str, value: &str) -> BytesMut {
    let mut params = BytesMut::new();
    put_pair(&mut params, name.as_bytes(), value.as_bytes());
    params
}

/// The protocol status of the only record in `output`, and its request.
fn ended(output: &BytesMut) -> Option<(u16, u8)> {
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(output);
    let piece = decoder.next().unwrap()?;
    assert_eq!(piece.kind, Kind::Other(3));
    Some((piece.id, piece.content[4]))
}

#[test]
fn request_begins_with_the_end_of_its_params() {
    let (mut opening, mut output) = (opening(), BytesMut::new());
    let mut take = |piece| opening.take(piece, &mut output).unwrap();
    let params = params("CONTENT_LENGTH", "3");
    assert!(matches!(
        take(piece(Kind::BeginRequest, 5, &RESPONDER_KEEP)),
        Step::More
    ));
    assert!(matches!(
        take(piece(Kind::Params, 5, &params[..4])),
        Step::More
    ));
    assert!(matches!(
        take(piece(Kind::Params, 4, b"of another")),
        Step::More
    ));
    assert!(matches!(
        take(piece(Kind::Params, 5, &params[4..])),
        Step::More
    ));
    let Step::Begun(begun) = take(piece(Kind::Params, 5, b"")) else {
        panic!("it has begun");
    };
    assert_eq!((begun.id, begun.params), (5, params));
    assert!(begun.keeps_connection && !begun.is_too_large && begun.first.is_none());
    assert!(output.is_empty());
}

#[test]
fn first_piece_of_the_body_is_awaited_where_nothing_else_says_whether_there_is_one() {
    for (name, content) in [("CONTENT_LENGTH", &b""[..]), ("X", b"body")] {
        let (mut opening, mut output) = (opening(), BytesMut::new());
        let mut take = |piece| opening.take(piece, &mut output).unwrap();
        take(piece(Kind::BeginRequest, 1, &RESPONDER_ONCE));
        take(piece(Kind::Params, 1, &params(name, "")));
        assert!(matches!(take(piece(Kind::Params, 1, b"")), Step::More));
        let Step::Begun(begun) = take(piece(Kind::Stdin, 1, content)) else {
            panic!("it has begun");
        };
        assert_eq!(begun.first.as_deref(), Some(content));
    }
}

#[test]
fn params_over_the_limit_are_not_kept() {
    let (mut opening, mut output) = (opening(), BytesMut::new());
    let mut take = |piece| opening.take(piece, &mut output).unwrap();
    take(piece(Kind::BeginRequest, 1, &RESPONDER_ONCE));
    take(piece(Kind::Params, 1, &[b'x'; 100]));
    let Step::Begun(begun) = take(piece(Kind::Params, 1, b"y")) else {
        panic!("it is refused at once");
    };
    assert!(begun.is_too_large);
}

#[test]
fn other_roles_are_refused() {
    let (mut opening, mut output) = (opening(), BytesMut::new());
    let step = opening.take(piece(Kind::BeginRequest, 1, &FILTER_ONCE), &mut output);
    assert!(matches!(step, Ok(Step::Close)));
    assert_eq!(ended(&output), Some((1, ProtocolStatus::UnknownRole as u8)));
    assert_eq!(opening.id(), None);
}

#[test]
fn request_that_is_given_up_has_ended() {
    let (mut opening, mut output) = (opening(), BytesMut::new());
    let mut take = |piece| opening.take(piece, &mut output).unwrap();
    take(piece(Kind::BeginRequest, 1, &RESPONDER_KEEP));
    assert!(matches!(
        take(piece(Kind::AbortRequest, 1, b"")),
        Step::More
    ));
    assert_eq!(ended(&output), Some((1, 0)));
    assert_eq!(opening.id(), None);
}

#[test]
fn contradictions_are_refused() {
    for (pieces, error) in [
        (&[(Kind::Stdin, &b"x"[..])][..], Malformed::BodyBeforeParams),
        (
            &[(Kind::BeginRequest, &RESPONDER_ONCE[..])],
            Malformed::SecondBegin,
        ),
        (
            &[(Kind::Params, b""), (Kind::Params, b"")],
            Malformed::SecondParams,
        ),
    ] {
        let (mut opening, mut output) = (opening(), BytesMut::new());
        let begin = piece(Kind::BeginRequest, 1, &RESPONDER_KEEP);
        opening.take(begin, &mut output).unwrap();
        let mut last = Ok(Step::More);
        for (kind, content) in pieces {
            last = opening.take(piece(*kind, 1, content), &mut output);
        }
        assert_eq!(last.unwrap_err(), error);
    }
    let short = piece(Kind::BeginRequest, 1, &[0, 1]);
    let refused = opening().take(short, &mut BytesMut::new()).unwrap_err();
    assert_eq!(refused, Malformed::Begin);
}
