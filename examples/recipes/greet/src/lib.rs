//! Answers with the name in the claims that `jwt` has left.

#![forbid(unsafe_code)]

use serde::Deserialize;
use stackup_plugin::{Request, Result};

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

async fn greet(req: Request) -> Result<String> {
    let claims: Claims = req
        .get("jwt.claims")?
        .ok_or("there is no `jwt` above `greet`")?;
    Ok(format!("Hello, {}!\n", claims.sub))
}

stackup_plugin::export!(app fn greet);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get};

    use super::*;

    #[test]
    fn claims_have_the_name() {
        let app = testing::app_fn(greet).unwrap();
        let ask = |request| block_on(async { app.answer(request).await?.finish().await });
        let claims = "{ \"sub\": \"ada\", \"exp\": 1 }";
        let told: Result<String> = ask(get("/").env("jwt.claims", claims));
        assert_eq!(told.unwrap(), "Hello, ada!\n");
        assert_eq!(
            ask(get("/")).unwrap_err().message(),
            "there is no `jwt` above `greet`"
        );
        let error = ask(get("/").env("jwt.claims", "{ \"sub\": 7 }")).unwrap_err();
        assert!(error.message().contains("sub: invalid type"), "{error}");
    }
}
