//! The same server of books as a plugin.

mod books;

use stackup_plugin::{Context, Result};

async fn app((): (), cx: &Context) -> Result<axum::Router> {
    let pool = books::open("books.db").await?;
    let router = books::router(pool.clone());
    cx.at_end(async move { pool.close().await })?;
    Ok(router)
}

stackup_plugin::export!(tokio; app service app);

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use stackup_plugin::testing::{self, TestRequest, block_on, get, json, post};
    use tempfile::TempDir;

    use super::*;

    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

    async fn in_folder() -> Result<axum::Router> {
        let pool = books::open(FOLDER.path().join("books.db")).await?;
        Ok(books::router(pool))
    }

    #[test]
    fn routes_answer_and_layers_apply() {
        let app = testing::with_tokio(|| testing::app_service(in_folder, json!({}))).unwrap();
        let ask = |request: TestRequest| {
            let res = block_on(app.answer(request)).unwrap();
            let (status, cache) = (
                res.status().as_u16(),
                res.header("cache-control").map(str::to_owned),
            );
            (status, cache, block_on(res.finish()).unwrap())
        };
        let add = |json: String| post("/books", json).header("content-type", "application/json");
        assert_eq!(ask(add("\"Emma\"".to_owned())).0, 201);
        let (status, cache, text) = ask(get("/books/0"));
        assert_eq!(
            (status, cache.as_deref(), text.as_str()),
            (200, Some("no-store"), "Emma")
        );
        assert_eq!(ask(get("/books/1")).0, 404);
        assert_eq!(ask(get("/books")).2, "[\"Emma\"]");
        assert_eq!(ask(add(format!("\"{}\"", "x".repeat(5000)))).0, 413);
    }
}
