//! An app: a page for `/`. Change its text while `stackup` runs, and look at the browser.

use stackup_plugin::{Html, IntoResponse, Request, Result, StatusCode};

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hello</title>
<h1>Hello, World!</h1>
<p>This page comes from <code>plugins/hello/src/lib.rs</code>.
"#;

async fn hello(req: Request) -> Result {
    match req.path_info() {
        "" | "/" => Html(PAGE).into_response(),
        _ => (StatusCode::NOT_FOUND, "Not found.\n").into_response(),
    }
}

stackup_plugin::export!(app fn hello);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get};

    #[test]
    fn only_the_root_is_a_page() {
        block_on(async {
            let hello = testing::app_fn(super::hello).unwrap();
            let page = hello.answer(get("/")).await.unwrap();
            assert_eq!(page.status(), 200);
            let kind = page.header("content-type").unwrap();
            assert_eq!(kind, "text/html; charset=utf-8");
            assert!(page.finish().await.unwrap().contains("<h1>"));
            let other = hello.answer(get("/other")).await.unwrap();
            assert_eq!(other.status(), 404);
        });
    }
}
