//! Which fields are stored (RFC 9111 §3.1).

use crate::directives::field_names;
use crate::fields::Fields;

/// The fields of a response that are stored: not those of the connection or a proxy, nor `excluded` ones. `age` and
/// `content-length` are left out too, since they are computed for each response.
pub fn stored_fields<'a>(
    response: &'a impl Fields,
    excluded: &'a [String],
) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let named = connection_options(response);
    response.all().filter(move |(name, _)| {
        let is = |known: &String| known == name;
        !is_of_connection(name)
            && !matches!(*name, "age" | "content-length")
            && !named.iter().any(is)
            && !excluded.iter().any(is)
    })
}

/// The fields that `Connection` names (RFC 9110 §7.6.1).
fn connection_options(fields: &impl Fields) -> Vec<String> {
    fields.lines("connection").flat_map(field_names).collect()
}

fn is_of_connection(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authentication-info"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether a field describes the content, so that a 304 does without it (RFC 9110 §15.4.5).
pub fn describes_content(name: &str) -> bool {
    matches!(
        name,
        "content-type"
            | "content-length"
            | "content-encoding"
            | "content-language"
            | "content-range"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    #[test]
    fn fields_of_the_connection_are_not_stored() {
        let response: List = [
            ("connection", "x-hop, close"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "a"),
            ("set-cookie", "b"),
            ("age", "7"),
            ("x-private", "1"),
            ("content-type", "text/plain"),
        ]
        .into_iter()
        .collect();
        let excluded = ["x-private".to_owned()];
        let names: Vec<_> = stored_fields(&response, &excluded)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["set-cookie", "set-cookie", "content-type"]);
    }
}
