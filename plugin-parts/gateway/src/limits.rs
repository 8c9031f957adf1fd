//! Limits of time.

use std::time::Duration;

use stackup_plugin::{Error, Fetch, Result};

/// The limits of a request to a server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until there is a connection.
    pub connect: Duration,
    /// From then on, until the head of the response.
    pub head: Duration,
    /// Between two pieces of its body.
    pub body: Duration,
}

impl Limits {
    /// Sets them for a request.
    pub fn limit(&self, fetch: Fetch) -> Fetch {
        fetch
            .connect_timeout(self.connect)
            .head_timeout(self.head)
            .body_timeout(self.body)
    }
}

/// The time of `seconds`, which the config has at `key`: a millisecond to a day.
///
/// # Errors
///
/// It is no such time.
pub fn seconds(key: &str, seconds: f64) -> Result<Duration> {
    let valid = (0.001..=86_400.0).contains(&seconds);
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|_| valid);
    time.ok_or_else(|| {
        let why = format!("{seconds} is not a number of seconds between 0.001 and 86400");
        Error::config(key, why)
    })
}
