//! The begin of a TLS connection.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::counted_socket::{CountedSocket, Socket};
use super::{HTTP2, Tls};
use crate::serve::server::bare_response::bare_response_with;
use crate::serve::server::begin::BeginError;
use crate::serve::server::connection_state::ConnectionState;

/// What a TLS connection begins with: a record that contains a handshake (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// What a client reads that speaks HTTP without TLS.
const NOT_HTTPS: &str = "This port speaks HTTPS: the URL begins with https://\n";

/// How a connection of a TLS listener has begun.
pub(in crate::serve::server) enum Handshake {
    /// The client is there.
    Done {
        stream: Box<dyn Socket>,
        /// Whether the client has chosen HTTP/2.
        http2: bool,
    },
    /// The client speaks HTTP in the clear. It has its answer, and may still send.
    Clear(Box<dyn Socket>),
}

/// Does the handshake.
pub(in crate::serve::server) async fn accept_tls(
    mut socket: Box<dyn Socket>,
    tls: &Tls,
    state: &Arc<ConnectionState>,
) -> Result<Handshake, BeginError> {
    let first = socket.read_u8().await?;
    match first {
        HANDSHAKE_RECORD => {}
        // A method of HTTP.
        b'A'..=b'Z' => {
            let response = bare_response_with(StatusCode::BAD_REQUEST, NOT_HTTPS);
            socket.write_all(response.as_bytes()).await?;
            return Ok(Handshake::Clear(socket));
        }
        _ => return Err(BeginError::UnknownProtocol),
    }
    let read = Bytes::copy_from_slice(&[first]);
    let counted = CountedSocket::new(socket, read, state);
    let stream = tls.acceptor().accept(counted).await?;
    let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
    Ok(Handshake::Done {
        stream: Box::new(stream),
        http2,
    })
}
