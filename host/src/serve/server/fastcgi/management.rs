//! Records that are no part of a request: questions about the server (specification, section 4).

use bytes::BytesMut;

use super::Malformed;
use super::pairs::{Pairs, put_pair};
use super::record::{Kind, Piece, ProtocolStatus, put_end, put_unknown_type, put_values};

/// What a front server may ask for (section 4.1).
#[derive(Debug, Clone, Copy)]
pub struct Values {
    /// The most connections at a time, and so the most requests.
    pub connections: usize,
}

/// Answers a record that is not of the open request: that of `id`, if there is one. Records of other requests are left over from
/// some that were refused or have ended, and mean nothing.
///
/// # Errors
///
/// A record that contradicts what was said before.
pub(super) fn answer(
    piece: &Piece,
    open: Option<u16>,
    values: Values,
    output: &mut BytesMut,
) -> Result<(), Malformed> {
    match piece.kind {
        Kind::GetValues if piece.id == 0 => put_values(output, &values.asked(&piece.content)?),
        Kind::Other(kind) => put_unknown_type(output, kind),
        Kind::BeginRequest if open == Some(piece.id) => return Err(Malformed::SecondBegin),
        Kind::BeginRequest => put_end(output, piece.id, ProtocolStatus::CantMultiplex),
        Kind::GetValues | Kind::AbortRequest | Kind::Params | Kind::Stdin | Kind::Data => {}
    }
    Ok(())
}

impl Values {
    /// Those of the names in `content` that are known.
    fn asked(self, content: &[u8]) -> Result<BytesMut, Malformed> {
        let mut answers = BytesMut::new();
        let mut known = [
            ("FCGI_MAX_CONNS", Some(self.connections.to_string())),
            ("FCGI_MAX_REQS", Some(self.connections.to_string())),
            ("FCGI_MPXS_CONNS", Some("0".to_owned())),
        ];
        for pair in Pairs::of(content) {
            let (name, _) = pair?;
            let mut named = known.iter_mut();
            // Each once, however often it is asked for.
            if let Some((name, value)) = named.find(|(known, _)| known.as_bytes() == name)
                && let Some(value) = value.take()
            {
                put_pair(&mut answers, name.as_bytes(), value.as_bytes());
            }
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::serve::server::fastcgi::record::Decoder;

    fn answered(kind: u8, id: u16, content: &'static [u8]) -> Result<Vec<Piece>, Malformed> {
        let piece = Piece {
            kind: Kind::from(kind),
            id,
            content: Bytes::from_static(content),
        };
        let mut output = BytesMut::new();
        answer(&piece, Some(1), Values { connections: 30 }, &mut output)?;
        let mut decoder = Decoder::default();
        decoder.buffer().extend_from_slice(&output);
        let mut pieces = Vec::new();
        while let Some(piece) = decoder.next()? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    #[test]
    fn values_that_are_known_are_answered_once() {
        let asked = b"\x0e\0FCGI_MAX_CONNS\x05\0OTHER\x0f\0FCGI_MPXS_CONNS\x0e\0FCGI_MAX_CONNS";
        let answers = answered(9, 0, asked).unwrap();
        let [answer] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!((answer.kind, answer.id), (Kind::Other(10), 0));
        assert_eq!(
            &answer.content[..],
            b"\x0e\x02FCGI_MAX_CONNS30\x0f\x01FCGI_MPXS_CONNS0"
        );
        assert_eq!(answered(9, 0, b"\x0e"), Err(Malformed::Pairs));
    }

    #[test]
    fn unknown_type_is_named() {
        let answers = answered(77, 0, b"x").unwrap();
        let [answer] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!((answer.kind, answer.id), (Kind::Other(11), 0));
        assert_eq!(&answer.content[..], [77, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn second_request_of_a_connection_is_refused() {
        let answers = answered(1, 2, b"\0\x01\0\0\0\0\0\0").unwrap();
        let [answer] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!((answer.kind, answer.id), (Kind::Other(3), 2));
        assert_eq!(answer.content[4], ProtocolStatus::CantMultiplex as u8);
        let again = answered(1, 1, b"\0\x01\0\0\0\0\0\0");
        assert_eq!(again, Err(Malformed::SecondBegin));
    }

    #[test]
    fn records_of_other_requests_mean_nothing() {
        for kind in [2, 4, 5, 8] {
            assert_eq!(answered(kind, 9, b"x"), Ok(Vec::new()));
        }
    }
}
