//! Warm-up requests, which a candidate must answer before it may serve.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Uri, header};
use http_body::Body;
use stackup_plugin::abi::host::{
    Connection, Exchange, Finish, HostBody, HostRequest, canonicalize,
};

use crate::serve::stack::Stack;

/// A warm-up request that failed.
#[derive(Debug, thiserror::Error)]
#[error("warm-up: `GET {path}` {reason}")]
pub(super) struct WarmUpError {
    path: String,
    reason: String,
}

/// Requests each path in turn, all within `limit`. None may be answered with a 5xx.
pub(super) async fn warm_up(
    stack: &Stack,
    paths: &[String],
    number: u64,
    limit: Duration,
) -> Result<(), WarmUpError> {
    let deadline = tokio::time::Instant::now() + limit;
    for path in paths {
        let answer = tokio::time::timeout_at(deadline, ask(stack, path, number)).await;
        let late = |_| {
            Err(format!(
                "got no answer within {limit:?} (`[limits] warmup_timeout`)"
            ))
        };
        answer.unwrap_or_else(late).map_err(|reason| WarmUpError {
            path: path.clone(),
            reason,
        })?;
    }
    Ok(())
}

async fn ask(stack: &Stack, path: &str, number: u64) -> Result<(), String> {
    let uri = Uri::try_from(path).map_err(|error| format!("is not a request: {error}"))?;
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.uri = uri;
    let original = canonicalize(&mut parts.uri);
    let original = original.map_err(|error| format!("is not a request: {error}"))?;
    parts
        .headers
        .insert(header::HOST, HeaderValue::from_static("localhost"));
    parts.headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static("stackup-warmup"),
    );
    let exchange = Arc::new(Exchange::new(number));
    let connection = Connection::default();
    let mut request = HostRequest::new(parts, HostBody::Empty, connection, Arc::clone(&exchange));
    if let Some(original) = original {
        request.set_original(&original);
    }
    match stack.root.call(request).await {
        Ok(response) => {
            let (status, headers, mut body) = response.into_parts();
            let mut bytes = 0;
            let mut failed = None;
            while let Some(frame) =
                std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await
            {
                match frame {
                    Ok(frame) => bytes += frame.data_ref().map_or(0, bytes::Bytes::len) as u64,
                    Err(failure) => {
                        failed = Some(failure);
                        break;
                    }
                }
            }
            let head = Some((status, &headers));
            exchange.finish(&Finish {
                head,
                error: failed.as_ref(),
                body_bytes: bytes,
            });
            match failed {
                Some(failure) => Err(format!(
                    "began with {status}, but its body failed: {failure}"
                )),
                None if status.is_server_error() => Err(format!("was answered with {status}")),
                None => Ok(()),
            }
        }
        Err(failure) => {
            exchange.finish(&Finish {
                head: None,
                error: Some(&failure),
                body_bytes: 0,
            });
            let status = failure.status;
            match failure.handler.as_str() {
                _ if !status.is_server_error() => Ok(()),
                "" => Err(format!("failed with {status}: {failure}")),
                handler => Err(format!("failed with {status} in `{handler}`: {failure}")),
            }
        }
    }
}
