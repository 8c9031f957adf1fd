//! Parts of a response: stored, sent, and put together (RFC 9111 §3.3, §3.4).

use bytes::{Bytes, BytesMut};
use cache_store::{Content, Draft, Entry, PIECE, Place, StoredPart, Target, finished};
use http_cache::{
    CacheStatus, ContentRange, Fields, Forward, List, RangeOutcome, RequestControl, Reuse, Times,
    content_range, requested_range, same_representation, update,
};
use stackup_plugin::header::{IF_RANGE, RANGE};
use stackup_plugin::{Next, Request, Response, Result, StatusCode, StoreError};

use crate::Entries;
use crate::answer::{Asked, part_response, stored_response};
use crate::counts::Served;
use crate::fetch::Fetch;
use crate::fields::Of;
use crate::keep::{Kept, add_date};
use crate::{Cache, clock};

/// Whether the rest of the whole can be fetched and put together in memory.
fn can_be_completed(stored: &StoredPart) -> bool {
    let whole = stored.range.complete.unwrap_or(u64::MAX);
    stored.range.first == 0
        && whole <= PIECE as u64
        && same_representation(&stored.entry, &stored.entry)
}

/// Stores a part, together with what is stored of the same representation. Once that is all of it, it is stored as a whole.
pub(crate) async fn add(
    entries: &Entries,
    kept: Kept,
    range: ContentRange,
    content: Content,
) -> Result<(), StoreError> {
    let Kept {
        mut draft, place, ..
    } = kept;
    let known = entries.part(place.key()).await?;
    let joined = known.and_then(|known| joined(&draft.fields, range, &content, &known));
    let (fields, range, content) = joined.unwrap_or_else(|| (draft.fields.clone(), range, content));
    draft.fields = fields;
    if range.is_whole() {
        make_whole(&mut draft);
        entries.add(&place, &draft, &content).await?;
        return entries.remove_part(place.key()).await;
    }
    set_range(&mut draft.fields, &range);
    entries.add_part(place.key(), &draft, &content).await
}

fn make_whole(draft: &mut Draft) {
    draft.status = 200;
    draft.fields.0.retain(|(name, _)| name != "content-range");
}

fn set_range(fields: &mut List, range: &ContentRange) {
    let whole = range
        .complete
        .map_or("*".to_owned(), |whole| whole.to_string());
    let text = format!("bytes {}-{}/{whole}", range.first, range.last);
    fields.0.retain(|(name, _)| name != "content-range");
    fields
        .0
        .push(("content-range".to_owned(), text.into_bytes()));
}

/// A new part and a stored one as one, if they are short parts of one representation.
fn joined(
    fields: &List,
    range: ContentRange,
    content: &Content,
    known: &StoredPart,
) -> Option<(List, ContentRange, Content)> {
    let (Content::Inline(new), Content::Inline(old)) = (content, &known.entry.content) else {
        return None;
    };
    same_representation(fields, &known.entry).then_some(())?;
    let joined = range.join(&known.range)?;
    (joined.length() <= PIECE as u64).then_some(())?;
    let bytes = assembled(joined, &[(known.range, old), (range, new)])?;
    let fields = update(&known.entry, fields, &[]);
    Some((fields, joined, Content::Inline(bytes)))
}

/// The bytes of parts that cover `whole`; the later ones win.
fn assembled(whole: ContentRange, parts: &[(ContentRange, &Bytes)]) -> Option<Bytes> {
    let mut bytes = BytesMut::zeroed(usize::try_from(whole.length()).ok()?);
    for (range, part) in parts {
        let from = usize::try_from(range.first - whole.first).ok()?;
        bytes
            .get_mut(from..from + part.len())?
            .copy_from_slice(part);
    }
    Some(bytes.freeze())
}

impl Cache {
    /// The response to a GET for a range that is in a stored part.
    pub(crate) async fn part_response(
        &self,
        req: &Request,
        control: &RequestControl,
        stored: &StoredPart,
    ) -> Result<Option<Response>> {
        let (now, fields) = (clock::now(), Of(req.headers()));
        let StoredPart { entry, range } = stored;
        let Some(whole) = range.complete else {
            return Ok(None);
        };
        if entry.policy.reuse(control, now) != Reuse::Fresh || !fields.has("range") {
            return Ok(None);
        }
        let wanted = requested_range(&fields, entry, whole, entry.policy.received);
        let RangeOutcome::Part { first, last } = wanted else {
            return Ok(None);
        };
        if !range.contains(first, last) {
            return Ok(None);
        }
        let asked = Asked {
            is_head: false,
            fields: &fields,
            now,
        };
        let place = first - range.first..last + 1 - range.first;
        let label = format!("bytes {first}-{last}/{whole}");
        let res = part_response(entry, &asked, &self.entries, place, &label).await?;
        let Some(mut res) = res else { return Ok(None) };
        let status = CacheStatus {
            hit: true,
            ttl: Some(entry.policy.time_to_live(now)),
            ..CacheStatus::default()
        };
        self.report(&mut res, Served::Hit, &status)?;
        Ok(Some(res))
    }

    /// Fetches what is missing of a stored part, and answers with the whole (§3.4). `None` in place of a response if it is not
    /// worth while; then `req` is as it was.
    pub(crate) async fn complete(
        &self,
        req: &mut Request,
        next: &Next<'_>,
        target: &Target,
        stored: StoredPart,
    ) -> Result<Option<Response>> {
        let fetch = Fetch::new(req, target, Forward::Partial, target.key());
        let own = [
            "range",
            "if-none-match",
            "if-modified-since",
            "cookie",
            "authorization",
        ];
        if !can_be_completed(&stored) || own.into_iter().any(|name| fetch.fields.has(name)) {
            return Ok(None);
        }
        let mut rest = req.fork();
        let tag = stored.entry.first("etag").unwrap_or_default();
        let range = format!("bytes={}-", stored.range.last + 1);
        rest.headers_mut().insert(RANGE, range)?;
        rest.headers_mut().insert(IF_RANGE, tag)?;
        let sent = clock::now();
        let mut res = next.again().run(rest).await?;
        let times = Times {
            sent,
            received: clock::now(),
        };
        if res.status() != StatusCode::PARTIAL_CONTENT {
            return self.keep(&fetch, res, times, None, None).await.map(Some);
        }
        let body = res.take_body().collect(PIECE).await?;
        let received = Of(res.headers());
        let range = received.only("content-range").and_then(content_range);
        let fields: List = http_cache::stored_fields(&received, &[]).collect();
        let content = Content::Inline(body.bytes);
        let whole = range.and_then(|range| joined(&fields, range, &content, &stored));
        let Some((mut fields, range, content)) = whole else {
            return Ok(None);
        };
        if !range.is_whole() {
            return Ok(None);
        }
        add_date(&mut fields, times.received);
        fields.0.retain(|(name, _)| name != "content-range");
        self.completed(&fetch, fields, content, times).await
    }

    /// Stores a response that was put together, and answers with it; `None` if it may not be stored.
    async fn completed(
        &self,
        fetch: &Fetch,
        fields: List,
        content: Content,
        times: Times,
    ) -> Result<Option<Response>> {
        let Ok((policy, _)) = self.storable(fetch, 200, &fields, times) else {
            return Ok(None);
        };
        let changed = self.changed.since(&fetch.target.key(), times.sent);
        let ttl = self.ttl(&policy, &fields, times.received);
        let place = Place::of(&fetch.target, &fetch.fields, &fields);
        let draft = Draft {
            ttl,
            sent: Some(times.sent),
            ..Draft::new(&fetch.target, &place, policy, fields)
        };
        // A store that fails has nobody else to suffer.
        if !changed {
            let _ = self.entries.add(&place, &draft, &content).await;
        }
        let record = finished(draft.head(), &content);
        let _ = self.entries.remove_part(place.key()).await;
        let Some(entry) = Entry::read(record.into()) else {
            return Ok(None);
        };
        let asked = Asked {
            is_head: false,
            fields: &fetch.fields,
            now: times.received,
        };
        let Some(mut res) = stored_response(&entry, &asked, &self.entries).await? else {
            return Ok(None);
        };
        let status = CacheStatus {
            forward: Some(Forward::Partial),
            forward_status: Some(206),
            ttl: Some(policy.time_to_live(times.received)),
            stored: true,
            ..CacheStatus::default()
        };
        self.report(&mut res, Served::Miss, &status)?;
        Ok(Some(res))
    }
}
