#[cfg(feature = "tokio")]
use tokio::io::AsyncWriteExt;

use stackup_plugin::{
    App, Context, Error, IntoResponse, Request, Result, StatusCode, http, testing,
};

/// Opens a connection to a server, and says what it gets, or how its requests fail.
struct Asks(Context);

impl App for Asks {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        Ok(Self(cx.clone()))
    }

    async fn call(&self, req: Request) -> Result {
        let request = http::Request::get(format!("http://server{}", req.path())).body(())?;
        let answered = self.0.fetch(request).upgrade("other, echo").await;
        let (response, connection) = match answered {
            Ok(answered) => answered,
            Err(error) => {
                let unsent = error.is_unsent();
                return format!("{:?}, unsent: {unsent}", error.kind()).into_response();
            }
        };
        let Some(mut connection) = connection else {
            return Ok(response);
        };
        if req.path() == "/leaves" {
            // More than a connection takes that nobody reads.
            for _ in 0..100 {
                if let Err(gone) = connection.write("more").await {
                    #[cfg(feature = "tokio")]
                    assert_eq!(
                        AsyncWriteExt::write(&mut connection, b"more")
                            .await
                            .map_err(|error| error.kind()),
                        Err(std::io::ErrorKind::BrokenPipe)
                    );
                    return format!("{gone:?}").into_response();
                }
            }
        }
        connection.write("Hello").await?;
        let mut read = connection.read().await?.unwrap_or_default().to_vec();
        connection.shutdown();
        while let Some(more) = connection.read().await? {
            read.extend(more);
        }
        let protocol = response.accepted().unwrap_or_default();
        format!("{protocol}: {}", String::from_utf8_lossy(&read)).into_response()
    }
}

fn ask(path: &str) -> Result<String> {
    testing::server(async |mut req: Request| {
        match req.path() {
            "/refuses" => return "no".into_response(),
            "/leaves" => return req.upgrade("echo", |_| async { Ok(()) }),
            "/unreachable" => return Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, "down")),
            "/breaks" => return Err(Error::new(StatusCode::BAD_GATEWAY, "broken")),
            _ => {}
        }
        req.upgrade("echo", |mut stream| async move {
            while let Some(bytes) = stream.read().await? {
                stream.write(bytes).await?;
            }
            stream.write(", bye").await?;
            Ok(())
        })
    });
    let asks = testing::app::<Asks>(testing::json!(null))?;
    testing::block_on(async { asks.answer(testing::get(path)).await?.finish().await })
}

#[test]
fn connection_of_ones_own_is_read_and_written_and_shut_down() {
    assert_eq!(ask("/").unwrap(), "echo: Hello, bye");
}

#[test]
fn refusal_is_the_response() {
    assert_eq!(ask("/refuses").unwrap(), "no");
}

#[test]
fn write_fails_when_the_server_has_left() {
    assert_eq!(ask("/leaves").unwrap(), "Gone");
}

#[test]
fn request_is_unsent_only_without_a_connection() {
    assert_eq!(ask("/unreachable").unwrap(), "Connect, unsent: true");
    assert_eq!(ask("/breaks").unwrap(), "Exchange, unsent: false");
}
