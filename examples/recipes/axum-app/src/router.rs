//! An axum app that knows nothing of stackup: `axum::serve(listener, router())` would serve it as well.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;

type Books = Arc<Mutex<Vec<String>>>;

pub fn router() -> Router {
    let no_store = HeaderValue::from_static("no-store");
    Router::new()
        .route("/books", get(all).post(add))
        .route("/books/{number}", get(one))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            no_store,
        ))
        .layer(RequestBodyLimitLayer::new(4096))
        .with_state(Books::default())
}

async fn all(State(books): State<Books>) -> Json<Vec<String>> {
    Json(books.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn add(State(books): State<Books>, Json(title): Json<String>) -> StatusCode {
    books
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(title);
    StatusCode::CREATED
}

async fn one(State(books): State<Books>, Path(number): Path<usize>) -> Result<String, StatusCode> {
    let books = books.lock().unwrap_or_else(PoisonError::into_inner);
    books.get(number).cloned().ok_or(StatusCode::NOT_FOUND)
}
