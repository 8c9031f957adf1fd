//! A middleware that translates text into pig latin as it streams.

#![forbid(unsafe_code)]

mod latin;
mod markup;
mod word;

use stackup_plugin::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
};
use stackup_plugin::{Method, Next, Request, Response, Result, StatusCode};

use self::latin::Latin;

async fn pig_latin(req: Request, next: Next<'_>) -> Result {
    let head = req.method() == Method::HEAD;
    let mut res = next.run(req).await?;
    let Some(html) = text(&res) else {
        return Ok(res);
    };
    // They speak of the text before, in the answer to HEAD as well.
    for name in [CONTENT_LENGTH, ETAG, ACCEPT_RANGES] {
        res.headers_mut().remove(name);
    }
    if !head {
        res.map_body(|body| body.rewrite(Latin::new(html)));
    }
    Ok(res)
}

/// Whether a response is text that may be translated: `Some(true)` for HTML.
fn text(res: &Response) -> Option<bool> {
    const NOT_WHOLE: [StatusCode; 4] = [
        StatusCode::NO_CONTENT,
        StatusCode::RESET_CONTENT,
        StatusCode::PARTIAL_CONTENT,
        StatusCode::NOT_MODIFIED,
    ];
    let no_transform = res
        .headers()
        .get_all(CACHE_CONTROL)
        .filter_map(|value| value.to_str())
        .flat_map(|value| value.split(','))
        .any(|directive| directive.trim().eq_ignore_ascii_case("no-transform"));
    if NOT_WHOLE.contains(&res.status()) || res.headers().contains(CONTENT_ENCODING) || no_transform
    {
        return None;
    }
    let kind = res.header(CONTENT_TYPE)?.to_ascii_lowercase();
    let mut parts = kind.split(';').map(str::trim);
    let (text, subtype) = parts.next()?.split_once('/')?;
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    let known =
        charset.is_none_or(|name| matches!(name.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"));
    // The fields of an event stream are no words.
    (text == "text" && subtype != "event-stream" && known).then_some(subtype == "html")
}

stackup_plugin::export!(middleware fn pig_latin as "pig-latin");

#[cfg(test)]
mod tests;
