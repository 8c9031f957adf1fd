//! Signed requests (RFC 8555 §6.2).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use super::{Answer, Shared, problem};

/// A request whose signature is right.
pub(super) struct Signed {
    /// Null for a request that only reads.
    pub(super) payload: Value,
    /// The account that the CA knows.
    pub(super) account: Option<usize>,
    /// The key of a new one.
    pub(super) jwk: Value,
}

/// Checks the URL, the nonce and the signature.
pub(super) fn verify(body: &[u8], path: &str, ca: &Shared) -> Result<Signed, Answer> {
    let malformed = |what: &str| problem(400, "malformed", what);
    let body: Value = serde_json::from_slice(body).map_err(|_| malformed("it is no JSON"))?;
    let text = |name: &str| body[name].as_str().ok_or_else(|| malformed(name));
    let (protected, payload, signature) =
        (text("protected")?, text("payload")?, text("signature")?);
    let head = json_of(protected).ok_or_else(|| malformed("`protected`"))?;
    if head["url"] != format!("{}{path}", ca.url) {
        return Err(malformed("`url` is of another resource"));
    }
    let nonce = head["nonce"].as_str().unwrap_or_default();
    if !ca.state().use_nonce(nonce) {
        return Err(problem(400, "badNonce", "this nonce is not known"));
    }
    let (account, jwk) = match head["kid"].as_str() {
        Some(kid) => {
            let state = ca.state();
            let number = kid.rsplit('/').next().and_then(|id| id.parse().ok());
            let account = number.and_then(|id: usize| Some((id, state.accounts.get(id)?)));
            let unknown = || problem(400, "accountDoesNotExist", "there is no such account");
            let (id, account) = account.ok_or_else(unknown)?;
            (Some(id), account.jwk.clone())
        }
        None => (None, head["jwk"].clone()),
    };
    let key = public_key(&jwk).ok_or_else(|| malformed("`jwk`"))?;
    let signed = format!("{protected}.{payload}");
    let signature = decode(signature).ok_or_else(|| malformed("`signature`"))?;
    let verified =
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(signed.as_bytes(), &signature);
    verified.map_err(|_| malformed("the signature is wrong"))?;
    let payload = match payload {
        "" => Value::Null,
        payload => json_of(payload).ok_or_else(|| malformed("`payload`"))?,
    };
    Ok(Signed {
        payload,
        account,
        jwk,
    })
}

/// The thumbprint of a key (RFC 7638).
pub(super) fn thumbprint(jwk: &Value) -> String {
    let (x, y) = (&jwk["x"], &jwk["y"]);
    // Its members in this order.
    let canonical = format!("{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":{x},\"y\":{y}}}");
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

fn public_key(jwk: &Value) -> Option<Vec<u8>> {
    let part = |name: &str| decode(jwk[name].as_str()?);
    let mut key = vec![4];
    key.extend(part("x")?);
    key.extend(part("y")?);
    (jwk["crv"] == json!("P-256")).then_some(key)
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

fn json_of(text: &str) -> Option<Value> {
    serde_json::from_slice(&decode(text)?).ok()
}
