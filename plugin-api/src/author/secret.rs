//! A secret in a config.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserializer, Error};

/// A secret in a config: a password, a key, a token.
///
/// Its schema is marked (`"writeOnly": true`), so the host shows it nowhere: not in `stackup stack`, in a message about
/// the config, or in the inspector. Its `Debug` shows nothing of it either, and an error about it does not quote it.
///
/// ```
/// use stackup_plugin::Secret;
///
/// #[stackup_plugin::config]
/// pub struct Config {
///     /// Signs the links that the app hands out.
///     key: Secret<String>,
/// }
///
/// let config: Config = stackup_plugin::serde_json::from_str(r#"{ "key": "s3cret" }"#)?;
/// assert_eq!(format!("{:?}", config.key), "[hidden]");
/// assert_eq!(config.key.expose(), "s3cret");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// What else a plugin writes to the log or into an error is its own business.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Makes a value a secret.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde's own message would quote the value.
        let value = T::deserialize(deserializer);
        value.map(Self).map_err(|_| {
            Error::custom("not a valid value here; it is a secret, so it is not shown")
        })
    }
}

impl<T: JsonSchema> JsonSchema for Secret<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Secret_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>();
        schema.insert("writeOnly".to_owned(), true.into());
        schema
    }
}
