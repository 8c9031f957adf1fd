//! The name of a certificate's subject as text.

use std::fmt::Write as _;

use x509_parser::asn1_rs::{Any, Oid};
use x509_parser::oid_registry::{
    OID_DOMAIN_COMPONENT, OID_PKCS9_EMAIL_ADDRESS, OID_USERID, OID_X509_COMMON_NAME,
    OID_X509_COUNTRY_NAME, OID_X509_LOCALITY_NAME, OID_X509_ORGANIZATION_NAME,
    OID_X509_ORGANIZATIONAL_UNIT, OID_X509_SERIALNUMBER, OID_X509_STATE_OR_PROVINCE_NAME,
    OID_X509_STREET_ADDRESS,
};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The short names of RFC 4514 §3, and the two more that OpenSSL, nginx and Apache httpd write in subjects.
const SHORT_NAMES: [(&Oid<'_>, &str); 11] = [
    (&OID_X509_COMMON_NAME, "CN"),
    (&OID_X509_LOCALITY_NAME, "L"),
    (&OID_X509_STATE_OR_PROVINCE_NAME, "ST"),
    (&OID_X509_ORGANIZATION_NAME, "O"),
    (&OID_X509_ORGANIZATIONAL_UNIT, "OU"),
    (&OID_X509_COUNTRY_NAME, "C"),
    (&OID_X509_STREET_ADDRESS, "STREET"),
    (&OID_DOMAIN_COMPONENT, "DC"),
    (&OID_USERID, "UID"),
    (&OID_PKCS9_EMAIL_ADDRESS, "emailAddress"),
    (&OID_X509_SERIALNUMBER, "serialNumber"),
];

/// The text of a name (RFC 4514), the most specific part first. What is special is escaped, so that no value passes for another
/// name: x509-parser's own text escapes nothing.
pub fn distinguished_name(name: &X509Name<'_>) -> String {
    let mut parts: Vec<_> = name.iter_rdn().collect();
    parts.reverse();
    let parts = parts.into_iter().map(|part| {
        let all: Vec<_> = part.iter().map(attribute).collect();
        all.join("+")
    });
    parts.collect::<Vec<_>>().join(",")
}

/// The common name in it, if there is exactly one.
pub fn common_name(name: &X509Name<'_>) -> Option<String> {
    let mut all = name.iter_common_name();
    let (one, None) = (all.next()?, all.next()) else {
        return None;
    };
    one.as_str().ok().map(str::to_owned)
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let kind = attribute.attr_type();
    let known = SHORT_NAMES.iter().find(|(known, _)| *known == kind);
    match (known, attribute.as_str()) {
        (Some((_, short)), Ok(value)) => format!("{short}={}", escaped(value)),
        (Some((_, short)), Err(_)) => format!("{short}={}", hex(attribute.attr_value())),
        (None, _) => format!("{}={}", kind.to_id_string(), hex(attribute.attr_value())),
    }
}

/// A value with what RFC 4514 §2.4 has escaped, and control characters, which it allows to.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (at, char) in value.char_indices() {
        match char {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => text.extend(['\\', char]),
            '#' if at == 0 => text.push_str("\\#"),
            ' ' if at == 0 || at == last => text.push_str("\\ "),
            char if char.is_control() => {
                for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(text, "\\{byte:02X}");
                }
            }
            char => text.push(char),
        }
    }
    text
}

/// A value without a text: its DER in hexadecimal digits.
fn hex(value: &Any<'_>) -> String {
    let data = value.as_bytes();
    let tag = u8::try_from(value.tag().0).unwrap_or(0x1f);
    let mut text = format!(
        "#{:02X}",
        tag | (u8::from(value.header.is_constructed()) << 5)
    );
    // X.690 §8.1.3: short lengths as they are, others after their own length.
    let length = data.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    if data.len() >= 0x80 {
        let _ = write!(text, "{:02X}", 0x80 | significant.len());
    }
    let significant = if data.is_empty() {
        &[0][..]
    } else {
        significant
    };
    for byte in significant.iter().chain(data) {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    fn names(parts: &[(DnType, DnValue)]) -> (String, Option<String>) {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
        let subject = parsed.subject();
        (distinguished_name(subject), common_name(subject))
    }

    fn utf8(text: &str) -> DnValue {
        DnValue::Utf8String(text.to_owned())
    }

    #[test]
    fn most_specific_part_is_first() {
        let (text, common) = names(&[
            (DnType::CountryName, utf8("DE")),
            (DnType::OrganizationName, utf8("Example")),
            (DnType::CommonName, utf8("älice")),
        ]);
        assert_eq!(text, "CN=älice,O=Example,C=DE");
        assert_eq!(common.as_deref(), Some("älice"));
        assert_eq!(names(&[]), (String::new(), None));
    }

    #[test]
    fn value_cannot_pass_for_another_name() {
        let (text, common) = names(&[(DnType::CommonName, utf8("eve,CN=alice+O=\"x\" \0"))]);
        assert_eq!(text, "CN=eve\\,CN\\=alice\\+O\\=\\\"x\\\" \\00");
        assert_eq!(common.as_deref(), Some("eve,CN=alice+O=\"x\" \0"));
        let (text, _) = names(&[(DnType::CommonName, utf8("#a "))]);
        assert_eq!(text, "CN=\\#a\\ ");
    }

    #[test]
    fn what_has_no_name_or_text_is_shown_in_hexadecimal() {
        let other = DnType::CustomDnType(vec![1, 2, 3]);
        let (text, _) = names(&[(other.clone(), utf8("ab"))]);
        assert_eq!(text, "1.2.3=#0C026162");
        let (text, _) = names(&[(other, utf8(&"a".repeat(200)))]);
        assert!(text.starts_with("1.2.3=#0C81C86161"), "{text}");
        let bmp = DnValue::BmpString("a".try_into().unwrap());
        assert_eq!(names(&[(DnType::CommonName, bmp)]).0, "CN=#1E020061");
    }
}
