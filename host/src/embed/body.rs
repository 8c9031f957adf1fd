//! The bodies that the stack gives another program.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use stackup_plugin::abi::host::{Failure, HostBody};

use crate::serve::server::EmbeddedBody;

/// A body out of the stack: of a response, or of a request to the service that a layer wraps.
#[derive(Debug)]
pub struct Body(Kind);

enum Kind {
    Response(EmbeddedBody),
    Request(HostBody),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Response(_) => "Response",
            Self::Request(_) => "Request",
        })
    }
}

impl Body {
    pub(super) fn of_response(body: EmbeddedBody) -> Self {
        Self(Kind::Response(body))
    }

    pub(super) fn of_request(body: HostBody) -> Self {
        Self(Kind::Request(body))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut self.0 {
            Kind::Response(body) => Pin::new(body).poll_frame(cx),
            Kind::Request(body) => Pin::new(body).poll_frame(cx),
        };
        polled.map_err(BodyError)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Response(body) => body.is_end_stream(),
            Kind::Request(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Response(body) => body.size_hint(),
            Kind::Request(body) => body.size_hint(),
        }
    }
}

/// Why a body broke off. The log has it as well.
#[derive(Debug)]
pub struct BodyError(Failure);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for BodyError {}
