//! A middleware that gives up on responses that take too long.

#![forbid(unsafe_code)]

use std::time::Duration;

use stackup_plugin::{Context, Error, Middleware, Next, Request, Result, StatusCode};

/// The maximum: a year.
const MAX_SECONDS: f64 = 365.0 * 24.0 * 60.0 * 60.0;

/// `[use.config]` of `timeout`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// How long the layers below may take until the head of their response.
    seconds: f64,
    /// The status of the error.
    status: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seconds: 15.0,
            status: StatusCode::GATEWAY_TIMEOUT.as_u16(),
        }
    }
}

/// Gives up on responses that take too long.
pub struct Timeout {
    limit: Duration,
    status: StatusCode,
    cx: Context,
}

impl Middleware for Timeout {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let seconds = config.seconds;
        if !(0.001..=MAX_SECONDS).contains(&seconds) {
            let message = format!("{seconds} is not between 0.001 and {MAX_SECONDS}");
            return Err(Error::config("seconds", message));
        }
        let status = StatusCode::from_u16(config.status).ok();
        let status = status.filter(|status| status.is_client_error() || status.is_server_error());
        let status = status.ok_or_else(|| {
            let message = format!("{} is not an error status such as 503", config.status);
            Error::config("status", message)
        })?;
        Ok(Self {
            limit: Duration::from_secs_f64(seconds),
            status,
            cx: cx.clone(),
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        // At the timeout the call is dropped, and with it the work down to the innermost layer.
        let answer = self.cx.timeout(self.limit, next.run(req)).await;
        answer.unwrap_or_else(|_| {
            let message = format!("no answer within {:?}", self.limit);
            Err(Error::new(self.status, message))
        })
    }
}

stackup_plugin::export!(middleware Timeout as "timeout");

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use stackup_plugin::Body;
    use stackup_plugin::testing::{self, block_on, get, json};

    use super::*;

    /// Says that the work below was dropped.
    struct Work(Arc<Mutex<bool>>);

    impl Drop for Work {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = true;
        }
    }

    #[test]
    fn work_is_dropped_at_the_timeout() {
        let config = json!({ "seconds": 0.01 });
        let timeout = testing::middleware::<Timeout>(config).unwrap();
        let dropped = Arc::new(Mutex::new(false));
        let work = Work(Arc::clone(&dropped));
        let below = async move |_req| {
            let _work = work;
            std::future::pending::<()>().await;
        };
        let error = block_on(timeout.call(get("/"), below)).unwrap_err();
        assert_eq!(error.status(), 504);
        assert_eq!(error.message(), "no answer within 10ms");
        assert!(*dropped.lock().unwrap());
    }

    #[test]
    fn status_is_configurable() {
        let config = json!({ "seconds": 0.001, "status": 503 });
        let timeout = testing::middleware::<Timeout>(config).unwrap();
        let below = async |_req| std::future::pending::<()>().await;
        assert_eq!(
            block_on(timeout.call(get("/"), below))
                .unwrap_err()
                .status(),
            503
        );
    }

    #[test]
    fn response_in_time_passes_and_its_body_may_take_longer() {
        block_on(async {
            let config = json!({ "seconds": 0.02 });
            let timeout = testing::middleware::<Timeout>(config).unwrap();
            let (mut sender, body) = Body::channel(1);
            let res = timeout.call(get("/"), async |_req| body).await.unwrap();
            // The time is over when the body has come.
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(40));
                block_on(sender.send("late")).unwrap();
            });
            assert_eq!(res.finish().await.unwrap(), "late");
            let fail = async |_req| Err::<(), _>(Error::new(StatusCode::IM_A_TEAPOT, "no"));
            assert_eq!(
                timeout.call(get("/"), fail).await.unwrap_err().status(),
                418
            );
        });
    }

    #[test]
    fn error_points_at_the_key() {
        let cases = [
            (json!({ "seconds": 0 }), "seconds"),
            (json!({ "seconds": -1 }), "seconds"),
            (json!({ "seconds": 1e300 }), "seconds"),
            (json!({ "status": 200 }), "status"),
            (json!({ "status": 999 }), "status"),
        ];
        for (config, place) in cases {
            let error = testing::middleware::<Timeout>(config).err().unwrap();
            assert_eq!(error.place(), place);
        }
    }
}
