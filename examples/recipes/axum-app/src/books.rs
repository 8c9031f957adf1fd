//! An axum app that knows nothing of stackup.

use std::path::Path;
use std::time::Duration;

use axum::extract::{self, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// Opens the database of the books.
pub async fn open(file: impl AsRef<Path>) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(5));
    let pool = SqlitePool::connect_with(options).await?;
    sqlx::query("create table if not exists books (title text not null)")
        .execute(&pool)
        .await?;
    Ok(pool)
}

pub fn router(pool: SqlitePool) -> Router {
    let no_store = HeaderValue::from_static("no-store");
    Router::new()
        .route("/books", get(all).post(add))
        .route("/books/{number}", get(one))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            no_store,
        ))
        .layer(RequestBodyLimitLayer::new(4096))
        .with_state(pool)
}

type Answer<T> = Result<T, StatusCode>;

async fn all(State(pool): State<SqlitePool>) -> Answer<Json<Vec<String>>> {
    let titles = sqlx::query_scalar("select title from books");
    titles.fetch_all(&pool).await.map(Json).map_err(unavailable)
}

async fn add(State(pool): State<SqlitePool>, Json(title): Json<String>) -> Answer<StatusCode> {
    let insert = sqlx::query("insert into books values (?)").bind(title);
    insert.execute(&pool).await.map_err(unavailable)?;
    Ok(StatusCode::CREATED)
}

async fn one(
    State(pool): State<SqlitePool>,
    extract::Path(number): extract::Path<u32>,
) -> Answer<String> {
    let title = sqlx::query_scalar("select title from books limit 1 offset ?").bind(number);
    let title = title.fetch_optional(&pool).await.map_err(unavailable)?;
    title.ok_or(StatusCode::NOT_FOUND)
}

fn unavailable(_: sqlx::Error) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}
