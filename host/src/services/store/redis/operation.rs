//! One call: what is sent to Redis, and what its reply means.

use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Script};
use stackup_plugin::abi::host::{StoreFailure, StoreReply, StoreRequest};

use super::names::{Names, bounds};
use super::script;
use crate::services::store::limits::not_a_number;

/// The bytes of a page, more or less: so that it is read within the timeout, and Redis does nothing else for a short time only.
const PAGE_BYTES: usize = 4 << 20;

/// The longest time to live. Redis adds it to its clock, which must not overflow.
const LONGEST: u64 = 1 << 53;

/// An operation, ready to be sent, more than once if need be.
pub(super) struct Operation(Kind);

enum Kind {
    Get(Cmd),
    Set(Call),
    Delete(Call),
    Add(Call),
    CompareAndSet(Call),
    Scan(Call, usize),
}

/// A script with what it gets.
struct Call {
    script: &'static Script,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Operation {
    pub(super) fn new(names: &Names, request: StoreRequest<'_>) -> Self {
        let call = |script, key: &[u8], more: Vec<Vec<u8>>| Call {
            script,
            keys: vec![
                names.entry(key),
                names.version().into(),
                names.keys().into(),
                names.ends().into(),
            ],
            arguments: [vec![key.to_vec(), names.entries().into()], more].concat(),
        };
        Self(match request {
            StoreRequest::Get { key } => {
                let mut command = redis::cmd("HMGET");
                command.arg(names.entry(key)).arg("v").arg("n");
                Kind::Get(command)
            }
            StoreRequest::Set { key, value, ttl } => {
                let arguments = vec![value.to_vec(), milliseconds(ttl)];
                Kind::Set(call(&script::SET, key, arguments))
            }
            StoreRequest::Delete { key } => Kind::Delete(call(&script::DELETE, key, Vec::new())),
            StoreRequest::Add { key, delta, ttl } => {
                let arguments = vec![delta.to_string().into(), milliseconds(ttl)];
                Kind::Add(call(&script::ADD, key, arguments))
            }
            StoreRequest::CompareAndSet {
                key,
                expected,
                value,
                ttl,
            } => {
                let expected = expected.map(|version| version.to_string());
                let arguments = vec![
                    value.to_vec(),
                    milliseconds(ttl),
                    expected.unwrap_or_default().into(),
                ];
                Kind::CompareAndSet(call(&script::COMPARE_AND_SET, key, arguments))
            }
            StoreRequest::Scan {
                prefix,
                after,
                limit,
            } => {
                let (from, to) = bounds(prefix, after);
                let (limit_text, most) = (limit.to_string(), PAGE_BYTES.to_string());
                let arguments = vec![from, to, limit_text.into(), most.into()];
                Kind::Scan(call(&script::SCAN, b"", arguments), limit)
            }
        })
    }

    /// Whether it changes an entry. What only reads may be sent again if the connection was lost.
    pub(super) fn writes(&self) -> bool {
        !matches!(self.0, Kind::Get(_) | Kind::Scan(..))
    }

    /// Sends it and waits for the reply.
    pub(super) async fn send(
        &self,
        to: &mut MultiplexedConnection,
    ) -> RedisResult<Result<StoreReply, StoreFailure>> {
        Ok(Ok(match &self.0 {
            Kind::Get(command) => {
                let found: (Option<Vec<u8>>, Option<u64>) = command.query_async(to).await?;
                match found {
                    (Some(value), Some(version)) => StoreReply::Entry {
                        value: value.into(),
                        version,
                    },
                    _ => StoreReply::Missing,
                }
            }
            Kind::Set(call) => StoreReply::Stored(call.send(to).await?),
            Kind::Delete(call) => match call.send(to).await? {
                0u8 => StoreReply::Missing,
                _ => StoreReply::Deleted,
            },
            Kind::Add(call) => match call.send(to).await? {
                Some(sum) => StoreReply::Number(sum),
                None => return Ok(Err(not_a_number())),
            },
            Kind::CompareAndSet(call) => match call.send(to).await? {
                Some(version) => StoreReply::Stored(version),
                None => StoreReply::Conflict,
            },
            Kind::Scan(call, limit) => loop {
                let page = page(call.send(to).await?, *limit);
                if let StoreReply::Page { entries, more } = &page
                    && entries.is_empty()
                    && *more
                {
                    continue;
                }
                break page;
            },
        }))
    }
}

impl Call {
    /// Loads the script first if Redis does not have it.
    async fn send<T: redis::FromRedisValue>(
        &self,
        to: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        let mut call = self.script.prepare_invoke();
        call.key(&self.keys).arg(&self.arguments);
        call.invoke_async(to).await
    }
}

/// A reply of [`script::SCAN`].
fn page(reply: Vec<Vec<u8>>, limit: usize) -> StoreReply {
    let mut reply = reply.into_iter();
    let more = reply.next().is_some_and(|more| more == b"1");
    let mut entries = Vec::with_capacity(limit.min(reply.len() / 3));
    while let (Some(key), Some(value), Some(version)) = (reply.next(), reply.next(), reply.next()) {
        let version = std::str::from_utf8(&version).ok();
        let version = version.and_then(|version| version.parse().ok());
        entries.push((key, Bytes::from(value), version.unwrap_or_default()));
    }
    StoreReply::Page { entries, more }
}

/// A time to live as text; zero for none.
fn milliseconds(ttl: Option<Duration>) -> Vec<u8> {
    let milliseconds = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
    let milliseconds = milliseconds.filter(|time| *time <= LONGEST);
    milliseconds.unwrap_or_default().to_string().into()
}
