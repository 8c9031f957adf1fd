//! The exceptions of a layer.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer};

use super::canonical::InvalidPath;
use super::prefix::{PathPrefix, invalid};

/// The paths in a config that a layer makes an exception for, each with everything below it.
///
/// `/` is an error: a layer that makes an exception for every path does nothing.
///
/// ```
/// use stackup_plugin::path::PathList;
///
/// #[stackup_plugin::config]
/// #[derive(Default)]
/// #[serde(default)]
/// pub struct Config {
///     /// Paths that need no password.
///     exclude: PathList,
/// }
///
/// let config: Config = stackup_plugin::serde_json::from_str(r#"{ "exclude": ["/health"] }"#)?;
/// assert!(config.exclude.covers("/health/db"));
/// assert!(!config.exclude.covers("/healthy"));
/// # Ok::<_, stackup_plugin::serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathList(Vec<PathPrefix>);

impl PathList {
    /// Whether one of them covers `path`, in canonical form as [`Request::path`](crate::Request::path) is.
    pub fn covers(&self, path: &str) -> bool {
        self.0.iter().any(|listed| listed.covers(path))
    }
}

impl<'de> Deserialize<'de> for PathList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let listed = Vec::<Listed>::deserialize(deserializer)?;
        Ok(Self(listed.into_iter().map(|Listed(path)| path).collect()))
    }
}

/// A path in the list, checked where an error has its index in the path.
struct Listed(PathPrefix);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = PathPrefix::deserialize(deserializer)?;
        match path.is_root() {
            true => Err(invalid("/", InvalidPath::Everything)),
            false => Ok(Self(path)),
        }
    }
}

impl JsonSchema for PathList {
    fn schema_name() -> Cow<'static, str> {
        "PathList".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<PathPrefix>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_refuses_what_would_disable_its_layer() {
        let list = |json: &str| serde_json::from_str::<PathList>(json).map_err(|e| e.to_string());
        assert_eq!(list("[]").map(|list| list.covers("/a")), Ok(false));
        assert_eq!(
            list(r#"["/b", "/a"]"#).map(|list| list.covers("/a/c")),
            Ok(true)
        );
        for everything in [r#"["/"]"#, r#"["//"]"#] {
            let error = list(everything).unwrap_err();
            assert!(error.contains("`/` covers every path"), "{error}");
        }
        let error = list(r#"["/a", "b"]"#).unwrap_err();
        assert!(error.contains("it does not begin with `/`"), "{error}");
    }
}
