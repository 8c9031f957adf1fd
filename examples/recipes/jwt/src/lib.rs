//! Lets a request pass if its `authorization` has a valid JWT, and leaves the claims for the layers below.

#![forbid(unsafe_code)]

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use stackup_plugin::serde_json::Value;
use stackup_plugin::{Context, Error, Middleware, Next, Request, Result, Secret, StatusCode};

#[stackup_plugin::config]
pub struct Config {
    /// The key that the tokens are signed with (HS256).
    key: Secret<String>,
}

pub struct Jwt {
    key: DecodingKey,
    rules: Validation,
}

impl Middleware for Jwt {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self {
            key: DecodingKey::from_secret(config.key.expose().as_bytes())?,
            rules: Validation::new(Algorithm::HS256), // it also wants an `exp` in the future
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let claims: Value = match bearer(&req).map(|token| decode(token, &self.key, &self.rules)) {
            Some(Ok(token)) => token.claims,
            Some(Err(error)) => return Err(unauthorized("Bearer error=\"invalid_token\"", error)?),
            None => return Err(unauthorized("Bearer", "no token")?),
        };
        req.put("jwt.claims", &claims)?;
        next.run(req).await
    }
}

fn bearer(req: &Request) -> Option<&str> {
    let (scheme, token) = req.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn unauthorized(challenge: &str, why: impl std::fmt::Display) -> Result<Error> {
    Ok(Error::new(StatusCode::UNAUTHORIZED, why).with_header("www-authenticate", challenge)?)
}

stackup_plugin::export!(middleware Jwt);

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
    use stackup_plugin::testing::{self, Mounted, block_on, get, json};

    use super::*;

    fn token(key: &str, claims: &Value) -> String {
        encode(
            &Header::default(),
            claims,
            &EncodingKey::from_secret(key.as_bytes()).unwrap(),
        )
        .unwrap()
    }

    fn ask(jwt: &Mounted, authorization: Option<&str>) -> Result<String> {
        let request = match authorization {
            Some(value) => get("/").header("authorization", value),
            None => get("/"),
        };
        let below = async |req: Request| -> Result<String> {
            let claims: Value = req.get("jwt.claims")?.unwrap_or_default();
            Ok(claims["sub"].to_string())
        };
        block_on(async { jwt.call(request, below).await?.finish().await })
    }

    #[test]
    fn claims_of_a_valid_token_reach_the_layers_below() {
        let jwt = testing::middleware::<Jwt>(json!({ "key": "sesame" })).unwrap();
        let in_an_hour = get_current_timestamp() + 3600;
        let valid = token("sesame", &json!({ "sub": "ada", "exp": in_an_hour }));
        for scheme in ["Bearer", "bearer"] {
            let told = ask(&jwt, Some(&format!("{scheme} {valid}")));
            assert_eq!(told.unwrap(), "\"ada\"");
        }
    }

    #[test]
    fn anything_else_is_401_with_a_challenge() {
        let jwt = testing::middleware::<Jwt>(json!({ "key": "sesame" })).unwrap();
        let now = get_current_timestamp();
        let expired = token("sesame", &json!({ "sub": "ada", "exp": now - 3600 }));
        let endless = token("sesame", &json!({ "sub": "ada" }));
        let forged = token("guess", &json!({ "sub": "ada", "exp": now + 3600 }));
        let invalid = "Bearer error=\"invalid_token\"";
        for (authorization, challenge) in [
            (None, "Bearer"),
            (Some("Basic YTpi".to_owned()), "Bearer"),
            (Some("Bearer tea".to_owned()), invalid),
            (Some(format!("Bearer {expired}")), invalid),
            (Some(format!("Bearer {endless}")), invalid),
            (Some(format!("Bearer {forged}")), invalid),
        ] {
            let error = ask(&jwt, authorization.as_deref()).unwrap_err();
            assert_eq!(error.status(), 401, "{authorization:?}");
            assert_eq!(
                error.header("www-authenticate"),
                Some(challenge),
                "{authorization:?}"
            );
        }
    }
}
