//! Header fields in a config, validated when it is read.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{HeadersMut, InvalidHeader};

/// Header fields in a config: each name has a value, or a list of values that become one line each.
///
/// An invalid field is an error at its key. So are `content-length` and `transfer-encoding`, which the
/// server sets.
///
/// ```
/// use stackup_plugin::{Fields, Response, StatusCode};
///
/// #[stackup_plugin::config]
/// #[derive(Default)]
/// #[serde(default)]
/// pub struct Config {
///     /// Headers to set on each response.
///     headers: Fields,
/// }
///
/// let config: Config = stackup_plugin::serde_json::from_str(
///     r#"{ "headers": { "cache-control": "no-store", "link": ["</a>", "</b>"] } }"#,
/// )?;
/// let mut res = Response::new(StatusCode::OK);
/// config.headers.set_on(res.headers_mut())?;
/// assert_eq!(res.headers().get_all("link").count(), 2);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(HeaderMap);

impl Fields {
    /// Sets the fields, replacing those of the same names.
    ///
    /// # Errors
    ///
    /// Too many fields; see [`HeadersMut::insert`].
    pub fn set_on(&self, mut headers: HeadersMut<'_>) -> Result<(), InvalidHeader> {
        for name in self.0.keys() {
            headers.remove(name);
        }
        for (name, value) in &self.0 {
            headers.append(name, value)?;
        }
        Ok(())
    }
}

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Fields, A::Error> {
        let mut fields = HeaderMap::new();
        while let Some(name) = table.next_key::<String>()? {
            // Names are checked together with their values, where an error has the key as its path.
            table.next_value_seed(Field {
                name: &name,
                fields: &mut fields,
            })?;
        }
        Ok(Fields(fields))
    }
}

/// Reads the value or values of one name.
struct Field<'a> {
    name: &'a str,
    fields: &'a mut HeaderMap,
}

impl Field<'_> {
    fn name<E: serde::de::Error>(&self) -> Result<HeaderName, E> {
        let name = HeaderName::from_bytes(self.name.as_bytes())
            .map_err(|_| E::custom(format_args!("{:?} is not a header name", self.name)))?;
        // A wrong value could make a client read one response as two.
        if name == header::CONTENT_LENGTH || name == header::TRANSFER_ENCODING {
            let message =
                format_args!("`{name}` can't be set here: the server sets it from the body");
            return Err(E::custom(message));
        }
        Ok(name)
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header's value: a string or a list of strings")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let name = self.name()?;
        self.fields.append(name, value(text)?);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let name: HeaderName = self.name()?;
        while let Some(Checked(value)) = list.next_element()? {
            self.fields.append(name.clone(), value);
        }
        Ok(())
    }
}

/// A value in a list, checked where an error has its index in the path.
struct Checked(HeaderValue);

impl<'de> serde::Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        value(&text).map(Checked)
    }
}

fn value<E: serde::de::Error>(text: &str) -> Result<HeaderValue, E> {
    HeaderValue::try_from(text)
        .map_err(|_| E::custom(format_args!("{text:?} can't be the value of a header")))
}

impl JsonSchema for Fields {
    fn schema_name() -> Cow<'static, str> {
        "Fields".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    { "type": "string" },
                    { "type": "array", "items": { "type": "string" } },
                ],
            },
        })
    }
}
