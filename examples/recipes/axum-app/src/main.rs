//! A server of books: `cargo run -p axum-app`.

mod books;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = books::open("books.db").await?;
    let router = books::router(pool.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, router).await?;
    pool.close().await;
    Ok(())
}
