//! A function of AWS Lambda that answers requests with a stack.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;
use lambda_http::Error;
use lambda_http::request::RequestContext;
use stackup::{Client, Stack};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    // The files of a function never change, and a library that crashes at its load ends nothing but this start.
    let options = Stack::options().watch(false).without_probe().client(client);
    let stack = options.open("config.ru.toml").await?;
    lambda_http::run(stack).await
}

/// The client, where the gateway says who it is. A load balancer says it in `x-forwarded-for`: see `trusted_proxies`.
fn client(extensions: &Extensions) -> Option<Client> {
    let address = match extensions.get()? {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_ref()?,
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_ref()?,
        _ => return None,
    };
    let address: IpAddr = address.parse().ok()?;
    Some(Client::at(SocketAddr::new(address, 0)).https(true))
}
