//! axum with a stack below its own routes and another one around them.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use stackup::{Client, Stack};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> Result<(), Box<dyn Error>> {
    // Started with `__probe`, this program tries out a library, and never comes back.
    stackup::probe_main();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    serve()
}

#[tokio::main]
async fn serve() -> Result<(), Box<dyn Error>> {
    let options = Stack::options().client(|extensions| {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(Client::at(peer.0))
    });
    // What no route of axum matches goes to the plugins of the one …
    let below = options.clone().open("config.ru.toml").await?;
    // … and all requests go through those of the other.
    let around = options.layer("around.ru.toml").await?;
    let app = Router::new()
        .route("/axum", get(async || "hello from axum\n"))
        .fallback_service(below.clone())
        .layer(around.clone());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    around.shutdown().await;
    below.shutdown().await;
    Ok(())
}
