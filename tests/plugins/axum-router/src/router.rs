//! A router of 20 routes. The example `rival` serves it by axum itself.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;

pub(crate) fn router() -> Router {
    let mut router = Router::new().route("/", get(async || "Hello, World!\n"));
    for name in [
        "authors", "books", "carts", "codes", "files", "gifts", "items", "lists", "notes",
        "orders", "pages", "plans", "posts", "rates", "sales", "shops", "tags", "users", "votes",
    ] {
        router = router.route(&format!("/{name}/{{id}}"), get(one));
    }
    router
}

async fn one(Path(id): Path<u64>) -> String {
    format!("number {id}\n")
}
