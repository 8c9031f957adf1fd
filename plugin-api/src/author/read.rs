//! What a request says, as values of the author's types.

use std::borrow::Cow;

use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::{Error, Request, Result};

/// A JSON document or a form may have so many bytes, unless the manifest's `[limits] body_bytes` allows fewer.
const LONGEST: usize = 2 << 20;

impl Request {
    /// Reads the body as JSON, up to 2 MiB. For another limit, use [`Body::collect`](crate::Body::collect) and `serde_json`.
    ///
    /// ```
    /// use stackup_plugin::serde::Deserialize;
    /// use stackup_plugin::{Request, Result, testing};
    ///
    /// #[derive(Deserialize)]
    /// #[serde(crate = "stackup_plugin::serde")]
    /// struct Item {
    ///     price: u32,
    /// }
    ///
    /// async fn price(mut req: Request) -> Result<String> {
    ///     let item: Item = req.json().await?;
    ///     Ok(format!("{} cents", item.price))
    /// }
    /// # fn main() -> Result<()> {
    /// # testing::block_on(async {
    /// let post = |json| testing::post("/", json).header("content-type", "application/json");
    /// let app = testing::app_fn(price)?;
    /// assert_eq!(app.answer(post("{ \"price\": 3 }")).await?.finish().await?, "3 cents");
    ///
    /// let error = app.answer(post("{ \"price\": true }")).await.unwrap_err();
    /// assert_eq!(error.status(), 422);
    /// assert!(error.message().starts_with("the JSON does not fit: price: invalid type"));
    /// # Ok(()) })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The `content-type` is not JSON (415), the body can't be read or is longer (413), it is not JSON (400), or it does not fit the type
    /// (422). The message names the field.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        let kind = self.media_type();
        if kind != "application/json" && !kind.ends_with("+json") {
            return Err(unsupported("JSON (`application/json`)", &kind));
        }
        let body = self.take_body().collect(LONGEST).await?.bytes;
        let mut json = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            match error.inner().is_data() {
                true => {
                    let message = format!("the JSON does not fit: {error}");
                    Error::new(StatusCode::UNPROCESSABLE_ENTITY, message)
                }
                false => bad(&format!("not JSON: {error}")),
            }
        })?;
        json.end()
            .map_err(|error| bad(&format!("not JSON: {error}")))?;
        Ok(value)
    }

    /// Reads the body as a form (`application/x-www-form-urlencoded`), up to 2 MiB. A field that occurs more than once is a list.
    ///
    /// # Errors
    ///
    /// The `content-type` is another one (415), the body can't be read or is longer (413), or it does not fit the type (422).
    pub async fn form<T: DeserializeOwned>(&mut self) -> Result<T> {
        let kind = self.media_type();
        if kind != FORM {
            return Err(unsupported(&format!("a form (`{FORM}`)"), &kind));
        }
        let body = self.take_body().collect(LONGEST).await?.bytes;
        let fields = serde_html_form::Deserializer::from_bytes(&body);
        serde_path_to_error::deserialize(fields).map_err(|error| {
            let message = format!("the form does not fit: {error}");
            Error::new(StatusCode::UNPROCESSABLE_ENTITY, message)
        })
    }

    /// The fields of the query. A field that occurs more than once is a list.
    ///
    /// # Errors
    ///
    /// They do not fit the type (400).
    pub fn query_fields<T: DeserializeOwned>(&self) -> Result<T> {
        let fields = serde_html_form::Deserializer::from_bytes(self.query().as_bytes());
        serde_path_to_error::deserialize(fields)
            .map_err(|error| bad(&format!("the query does not fit: {error}")))
    }

    /// The names in `PATH_INFO`, decoded: a slash that is part of a name (`%2F`) separates nothing. Bytes that are not UTF-8
    /// become `U+FFFD`.
    ///
    /// ```
    /// # use stackup_plugin::{Request, testing};
    /// async fn greet(req: Request) -> String {
    ///     match &*req.segments().collect::<Vec<_>>() {
    ///         [first, last] if first == "hello" => format!("Hello, {last}!"),
    ///         _ => "Who?".to_owned(),
    ///     }
    /// }
    /// # fn main() -> stackup_plugin::Result<()> {
    /// # testing::block_on(async {
    /// let res = testing::app_fn(greet)?.answer(testing::get("/hello/Ad%C3%A9le")).await?;
    /// assert_eq!(res.finish().await?, "Hello, Adéle!");
    /// # Ok(()) })
    /// # }
    /// ```
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let path = self.path_info();
        let names = path.strip_prefix('/').unwrap_or(path);
        let names = (!names.is_empty()).then(|| names.split('/'));
        let names = names.into_iter().flatten();
        names.map(|name| percent_encoding::percent_decode_str(name).decode_utf8_lossy())
    }

    /// The cookies, in the client's order, without those that can't be read. Values stay as they came.
    ///
    /// To set one: `res.headers_mut().append("set-cookie", cookie.to_string())`.
    #[cfg(feature = "cookie")]
    pub fn cookies(&self) -> impl Iterator<Item = cookie::Cookie<'_>> {
        let lines = self.headers().get_all("cookie");
        let lines = lines.filter_map(|line| std::str::from_utf8(line.as_bytes()).ok());
        lines.flat_map(|line| cookie::Cookie::split_parse(line).flatten())
    }

    /// The essence of the `content-type`, in lower case; empty if there is none (RFC 9110 §8.3.1).
    fn media_type(&self) -> String {
        let kind = self.header("content-type").unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default();
        essence.trim().to_ascii_lowercase()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn bad(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, message)
}

fn unsupported(wanted: &str, kind: &str) -> Error {
    let given = match kind {
        "" => "nothing".to_owned(),
        kind => format!("`{kind}`"),
    };
    let message = format!("the body must be {wanted}; the `content-type` says {given}");
    Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
}
