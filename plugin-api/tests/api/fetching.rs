use stackup_plugin::{App, Context, IntoResponse, Request, Result, http, testing};

/// Opens a connection to a server, and says what it gets.
struct Asks(Context);

impl App for Asks {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        Ok(Self(cx.clone()))
    }

    async fn call(&self, req: Request) -> Result {
        let request = http::Request::get(format!("http://server{}", req.path())).body(())?;
        let (response, connection) = self.0.fetch(request).upgrade("other, echo").await?;
        let Some(mut connection) = connection else {
            return Ok(response);
        };
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
        if req.path() == "/refuses" {
            return "no".into_response();
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
