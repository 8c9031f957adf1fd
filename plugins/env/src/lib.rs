//! An app that shows the request as Rack's env, as JSON or HTML.

#![forbid(unsafe_code)]

mod accept;
mod page;

use std::collections::BTreeMap;

use stackup_plugin::{Html, IntoResponse, Request, Result, StatusCode};

use self::accept::Form;

async fn env(req: Request) -> Result {
    let env: BTreeMap<String, String> = req.env().iter().collect();
    let mut res = match accept::choose(req.headers()) {
        Some(Form::Json) => {
            let text = stackup_plugin::serde_json::to_string_pretty(&env)? + "\n";
            text.into_response()?
                .with_header("content-type", "application/json")?
        }
        Some(Form::Html) => Html(page::page(&env)).into_response()?,
        None => (
            StatusCode::NOT_ACCEPTABLE,
            "Available: application/json, text/html\n",
        )
            .into_response()?,
    };
    res.headers_mut().insert("vary", "accept")?;
    // It contains cookies and credentials.
    res.headers_mut().insert("cache-control", "no-store")?;
    Ok(res)
}

stackup_plugin::export!(app fn env);

#[cfg(test)]
mod tests {
    use stackup_plugin::serde_json;
    use stackup_plugin::testing::{self, Json, TestRequest, block_on, get};

    use super::*;

    fn answer(request: TestRequest) -> (StatusCode, String, String) {
        block_on(async {
            let res = testing::app_fn(env).unwrap().answer(request).await.unwrap();
            assert_eq!(res.header("vary"), Some("accept"));
            let kind = res.header("content-type").unwrap().to_owned();
            (res.status(), kind, res.finish().await.unwrap())
        })
    }

    #[test]
    fn json_is_sorted_and_complete() {
        let request = get("/a/b?c=d")
            .header("host", "example.com:8080")
            .header("x-twice", "1")
            .header("x-twice", "2")
            .env("session", "s3");
        let (status, kind, text) = answer(request);
        assert_eq!(
            (status, kind.as_str()),
            (StatusCode::OK, "application/json")
        );
        let value: Json = serde_json::from_str(&text).unwrap();
        for (name, expected) in [
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_NAME", ""),
            ("PATH_INFO", "/a/b"),
            ("QUERY_STRING", "c=d"),
            ("SERVER_NAME", "example.com"),
            ("SERVER_PORT", "8080"),
            ("HTTP_X_TWICE", "1, 2"),
            ("session", "s3"),
        ] {
            assert_eq!(value[name], expected, "{name}");
        }
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.split('"').nth(1))
            .collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn browser_gets_an_escaped_page() {
        let request = get("/")
            .header("accept", "text/html,*/*;q=0.8")
            .header("x-evil", "<script>\"&'");
        let (status, kind, text) = answer(request);
        assert_eq!(
            (status, kind.as_str()),
            (StatusCode::OK, "text/html; charset=utf-8")
        );
        assert!(
            text.contains("<tr><th scope=\"row\">HTTP_X_EVIL<td>&lt;script&gt;&quot;&amp;&#39;\n"),
            "{text}"
        );
        assert!(!text.contains("<script"), "{text}");
    }

    #[test]
    fn other_media_type_gets_406() {
        let (status, _, text) = answer(get("/").header("accept", "image/png"));
        assert_eq!(status, StatusCode::NOT_ACCEPTABLE);
        assert_eq!(text, "Available: application/json, text/html\n");
    }
}
