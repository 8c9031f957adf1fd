//! The begin of a TLS connection.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use stackup_plugin::abi::host::ClientCertificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::acme_challenge::{Either, accept_either};
use super::client_certificate::client_certificate;
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
        /// By which the client has identified itself.
        client: Option<Arc<ClientCertificate>>,
    },
    /// The handshake has failed, perhaps for the client's certificate. The client gets an alert, and may still send: where its part of the handshake ends
    /// first, as in TLS 1.3, it has sent its request.
    Refused {
        socket: Box<dyn Socket>,
        error: io::Error,
    },
    /// It was a CA that validated a name, which the handshake has done.
    Challenge(Box<dyn Socket>),
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
    let current = tls.current();
    let cas = current.certificates.client_cas();
    let accepted = match &tls.challenges {
        None => current.acceptor().accept(counted).into_fallible().await,
        Some(challenges) => match accept_either(counted, &current, challenges).await? {
            Either::Client(accepted) => *accepted,
            Either::Ca(socket) => return Ok(Handshake::Challenge(socket)),
        },
    };
    let stream = match accepted {
        Ok(stream) => stream,
        Err((error, socket)) if cas.is_some() => {
            let socket = Box::new(socket);
            return Ok(Handshake::Refused { socket, error });
        }
        Err((error, _)) => return Err(error.into()),
    };
    let session = stream.get_ref().1;
    let http2 = session.alpn_protocol() == Some(HTTP2);
    let client = match cas {
        Some(cas) => client_certificate(session, cas)?,
        None => None,
    };
    Ok(Handshake::Done {
        stream: Box::new(stream),
        http2,
        client,
    })
}
