//! The begin of a connection, before the first request: within `header_timeout`, and while the server serves.

use std::io;

use tokio::time::timeout;

use super::Phase;
use super::connection_state::ConnectionContext;
use super::tls::ClientCertificateError;

/// Why a connection ends before its first request.
#[derive(Debug, thiserror::Error)]
pub(super) enum BeginError {
    #[error("it did not begin within `header_timeout`")]
    TooSlow,
    #[error("the server stops")]
    Stopping,
    #[error("it speaks neither TLS nor HTTP")]
    UnknownProtocol,
    #[error("a CA asks for `{0}`, of which no order waits for an answer")]
    NoChallenge(String),
    #[error(transparent)]
    ClientCertificate(#[from] ClientCertificateError),
    #[error("it did not begin: {0}")]
    Failed(#[from] io::Error),
}

/// What `begin` makes of the first bytes of a connection.
pub(super) async fn until_begun<T>(
    served: &ConnectionContext,
    begin: impl Future<Output = Result<T, BeginError>>,
) -> Result<T, BeginError> {
    let limit = served.answers.active.load().limits.header_timeout;
    let begin = async {
        match limit {
            Some(limit) => match timeout(limit, begin).await {
                Ok(begun) => begun,
                Err(_) => Err(BeginError::TooSlow),
            },
            None => begin.await,
        }
    };
    let mut phase = served.phase.clone();
    tokio::select! {
        begun = begin => begun,
        // An error means that the sender is gone, which is an end as well.
        _ = phase.wait_for(|phase| *phase == Phase::Stopping) => Err(BeginError::Stopping),
    }
}
