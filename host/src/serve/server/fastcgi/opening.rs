//! The begin of a request: its records up to the end of its params.

use bytes::{Bytes, BytesMut};

use super::Malformed;
use super::management::{self, Values};
use super::pairs::Pairs;
use super::record::{Kind, Piece, ProtocolStatus, put_end};
use crate::serve::server::cgi::Variables;

/// The only role that is served: a request in, a response out.
const RESPONDER: u16 = 1;

/// The flag by which the front server keeps the connection after the request.
const KEEP_CONNECTION: u8 = 1;

/// A request whose params have arrived, or are too large.
#[derive(Debug)]
pub struct Begun {
    /// Its number on the connection.
    pub id: u16,
    /// Whether the front server keeps the connection after it.
    pub keeps_connection: bool,
    /// Name-value pairs.
    pub params: BytesMut,
    /// Whether `params` are more than the limit, and not whole.
    pub is_too_large: bool,
    /// The first piece of the body, where only that says whether there is one.
    pub first: Option<Bytes>,
}

/// What a piece has come to.
#[derive(Debug)]
pub enum Step {
    /// More has to arrive.
    More,
    /// A request has begun.
    Begun(Begun),
    /// The front server wants the connection closed.
    Close,
}

/// Reads the records of a connection until a request has begun.
#[derive(Debug)]
pub struct Opening {
    values: Values,
    /// The most bytes of params.
    limit: usize,
    begun: Option<Begun>,
    /// Whether the params have ended, and the first piece of the body is awaited.
    has_params: bool,
}

impl Opening {
    /// With at most `limit` bytes of params.
    #[must_use]
    pub fn new(values: Values, limit: usize) -> Self {
        Self {
            values,
            limit,
            begun: None,
            has_params: false,
        }
    }

    /// The request that has begun.
    #[must_use]
    pub fn id(&self) -> Option<u16> {
        self.begun.as_ref().map(|begun| begun.id)
    }

    /// Takes a piece, and appends what there is to answer to `output`.
    ///
    /// # Errors
    ///
    /// A record that contradicts the protocol.
    pub fn take(&mut self, piece: Piece, output: &mut BytesMut) -> Result<Step, Malformed> {
        match (piece.kind, &mut self.begun) {
            (Kind::BeginRequest, None) => return self.begin(&piece, output),
            (Kind::Params, Some(begun)) if begun.id == piece.id => return self.params(&piece),
            (Kind::Stdin, Some(begun)) if begun.id == piece.id => {
                if !self.has_params {
                    return Err(Malformed::BodyBeforeParams);
                }
                begun.first = Some(piece.content);
                return Ok(self.is_complete());
            }
            (Kind::AbortRequest, Some(begun)) if begun.id == piece.id => {
                put_end(output, begun.id, ProtocolStatus::RequestComplete);
                let keeps = begun.keeps_connection;
                self.begun = None;
                self.has_params = false;
                return Ok(if keeps { Step::More } else { Step::Close });
            }
            _ => {}
        }
        management::answer(&piece, self.id(), self.values, output)?;
        Ok(Step::More)
    }

    fn begin(&mut self, piece: &Piece, output: &mut BytesMut) -> Result<Step, Malformed> {
        let [role, of_role, flags, ..] = piece.content[..] else {
            return Err(Malformed::Begin);
        };
        if piece.id == 0 {
            return Err(Malformed::Begin);
        }
        let keeps_connection = flags & KEEP_CONNECTION != 0;
        if u16::from_be_bytes([role, of_role]) != RESPONDER {
            put_end(output, piece.id, ProtocolStatus::UnknownRole);
            return Ok(match keeps_connection {
                true => Step::More,
                false => Step::Close,
            });
        }
        self.begun = Some(Begun {
            id: piece.id,
            keeps_connection,
            params: BytesMut::new(),
            is_too_large: false,
            first: None,
        });
        Ok(Step::More)
    }

    fn params(&mut self, piece: &Piece) -> Result<Step, Malformed> {
        let Some(begun) = self.begun.as_mut().filter(|_| !self.has_params) else {
            return Err(Malformed::SecondParams);
        };
        if piece.content.is_empty() {
            self.has_params = true;
            return Ok(match says_length(&begun.params) {
                true => self.is_complete(),
                false => Step::More,
            });
        }
        if begun.params.len() + piece.content.len() > self.limit {
            begun.is_too_large = true;
            return Ok(self.is_complete());
        }
        begun.params.extend_from_slice(&piece.content);
        Ok(Step::More)
    }

    fn is_complete(&mut self) -> Step {
        self.has_params = false;
        self.begun.take().map_or(Step::More, Step::Begun)
    }
}

/// Whether params say how long the body is, or that this is not known before its end. Else its first piece says whether there is
/// one: it follows at once, also where there is none.
fn says_length(params: &[u8]) -> bool {
    let pairs = Pairs::of(params);
    ["CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"]
        .iter()
        .any(|name| pairs.value(name).is_some())
}

#[cfg(test)]
#[path = "opening_tests.rs"]
mod tests;
