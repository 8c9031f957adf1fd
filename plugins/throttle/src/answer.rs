//! The responses to requests that are refused, and the fields that report a quota.

use std::fmt::Write as _;
use std::time::Duration;

use stackup_plugin::{Response, Result, StatusCode, header};

use crate::quota::Quota;

/// A client's bucket after a request.
pub(crate) struct BucketState<'a> {
    pub(crate) rule: &'a str,
    pub(crate) quota: &'a Quota,
    pub(crate) remaining: u32,
    /// When it is full again.
    pub(crate) full_in: Duration,
}

/// Why a request is refused.
pub(crate) struct Refusal<'a> {
    pub(crate) rule: &'a str,
    pub(crate) status: StatusCode,
    text: &'static str,
    retry_after: Option<Duration>,
    pub(crate) bucket: Option<BucketState<'a>>,
}

impl<'a> Refusal<'a> {
    pub(crate) fn forbidden(rule: &'a str) -> Self {
        Self {
            rule,
            status: StatusCode::FORBIDDEN,
            text: "Forbidden\n",
            retry_after: None,
            bucket: None,
        }
    }

    pub(crate) fn too_many(rule: &'a str, quota: &'a Quota, retry_after: Duration) -> Self {
        Self {
            rule,
            status: StatusCode::TOO_MANY_REQUESTS,
            text: "Too Many Requests\n",
            retry_after: Some(retry_after),
            bucket: Some(BucketState {
                rule,
                quota,
                remaining: 0,
                full_in: retry_after,
            }),
        }
    }

    pub(crate) fn without_store(rule: &'a str) -> Self {
        Self {
            rule,
            status: StatusCode::SERVICE_UNAVAILABLE,
            text: "Service Unavailable\n",
            retry_after: Some(Duration::from_secs(1)),
            bucket: None,
        }
    }

    /// 429 is RFC 6585 §4, `retry-after` RFC 9110 §10.2.3.
    pub(crate) fn answer(&self) -> Result {
        let mut res = Response::new(self.status);
        let mut headers = res.headers_mut();
        headers.insert(header::CONTENT_TYPE, "text/plain; charset=utf-8")?;
        if let Some(retry_after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds(retry_after).max(1).to_string())?;
        }
        if let Some(bucket) = &self.bucket {
            add_fields(&mut res, std::slice::from_ref(bucket))?;
        }
        res.set_body(self.text);
        Ok(res)
    }
}

/// Sets `ratelimit-policy` and `ratelimit` (draft-ietf-httpapi-ratelimit-headers-10): the size of each bucket, the time in which it
/// refills, what is left, and when it is full again.
pub(crate) fn add_fields(res: &mut Response, buckets: &[BucketState<'_>]) -> Result<()> {
    let (mut policies, mut limits) = (String::new(), String::new());
    for bucket in buckets {
        let separator = if policies.is_empty() { "" } else { ", " };
        let BucketState {
            rule,
            quota,
            remaining,
            ..
        } = bucket;
        let (size, window) = (quota.burst(), seconds(quota.refill()).max(1));
        let full_in = seconds(bucket.full_in);
        // Writing to a string can't fail.
        let _ = write!(policies, "{separator}\"{rule}\";q={size};w={window}");
        let _ = write!(limits, "{separator}\"{rule}\";r={remaining};t={full_in}");
    }
    let mut headers = res.headers_mut();
    headers.append("ratelimit-policy", policies)?;
    headers.append("ratelimit", limits)?;
    Ok(())
}

/// Whole seconds, rounded up, so that a client that waits does not come too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
