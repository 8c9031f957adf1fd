//! A server of hyper's, HTTP/1 and HTTP/2, that answers every request with a stack.

use std::error::Error;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use stackup::{Client, Stack};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower_service::Service;

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
    let stack = Stack::open("config.ru.toml").await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    let connections = GracefulShutdown::new();
    loop {
        let (socket, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = terminate.recv() => break,
        };
        let of_connection = stack.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Client::at(peer));
            of_connection.clone().call(request)
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        // With upgrades, for plugins that change the protocol, to that of WebSockets for instance.
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("a connection ended early: {error}");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
    stack.shutdown().await;
    Ok(())
}
