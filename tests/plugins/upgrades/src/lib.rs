//! An app that changes connections to other protocols. The path says to what, and how the connection ends.

#![forbid(unsafe_code)]

use std::time::Duration;

use stackup_plugin::{
    App, Body, Context, Error, IntoResponse, Request, Response, Result, StatusCode, Upgraded,
    tracing,
};

const LINK: [(&str, &str); 1] = [("link", "</style.css>; rel=preload")];

struct Upgrades(Context);

impl App for Upgrades {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        Ok(Self(cx.clone()))
    }

    async fn call(&self, mut req: Request) -> Result {
        let cx = self.0.clone();
        let draining = req.draining();
        match req.path_info() {
            // What it gets, until the client closes its direction; then `bye`.
            "/echo" => req.upgrade("echo", echo),
            // The same, with a length that it does not have.
            "/promises" => {
                let mut res = req.upgrade("echo", echo)?;
                res.headers_mut().insert("content-length", "5")?;
                Ok(res)
            }
            // The same as `/echo`, until there is a deadline; then `come again`.
            "/leaves" => req.upgrade("echo", |mut stream| async move {
                let _ = cx.timeout(Duration::from_secs(600), draining).await;
                stream.write("come again").await?;
                Ok(())
            }),
            // Neither reads nor writes. The log says when it is dropped.
            "/silent" => req.upgrade("echo", |stream| async move {
                let _noted = Noted(stream);
                tracing::info!("upgrades: silent");
                cx.sleep(Duration::from_secs(600)).await;
                Ok(())
            }),
            // Ends, but keeps its stream in a task that reads. What the read returns is logged.
            "/keeps" => req.upgrade("echo", |mut stream| async move {
                stream.write("bye").await?;
                cx.spawn("keeps", async move {
                    let read = stream.read().await;
                    tracing::info!("upgrades: kept: {read:?}");
                });
                Ok(())
            }),
            // Sends more than a client takes that reads nothing, and waits. The log says when it is dropped.
            "/stalls" => req.upgrade("echo", |mut stream| async move {
                stream.write(vec![b'x'; 32 << 20]).await?;
                let _noted = Noted(stream);
                cx.sleep(Duration::from_secs(600)).await;
                Ok(())
            }),
            "/flood" => req.upgrade("echo", |mut stream| async move {
                loop {
                    stream.write(vec![b'x'; 64 << 10]).await?;
                }
            }),
            "/panics" => req.upgrade("echo", |mut stream| async move {
                stream.write("half of it").await?;
                stream.read().await?;
                panic!("the handler of an upgrade panics")
            }),
            "/fails" => req.upgrade("echo", |mut stream| async move {
                stream.write("half of it").await?;
                stream.read().await?;
                Err(Error::msg("the protocol fails"))
            }),
            // A 101 that nobody has accepted.
            "/bare" => Ok(Response::new(StatusCode::SWITCHING_PROTOCOLS)),
            // Accepted, and then another answer.
            "/refused" => {
                let mut res = req.upgrade("echo", |mut stream| async move {
                    let read = stream.read().await;
                    let said = read
                        .err()
                        .map(|error| error.to_string())
                        .unwrap_or_default();
                    tracing::info!("upgrades: refused: {said}");
                    Ok(())
                })?;
                res.set_status(StatusCode::FORBIDDEN);
                res.set_body(Body::from("no\n"));
                Ok(res)
            }
            // Accepted, and then another status, with what was to go out as its body.
            "/declined" => {
                let mut res = req.upgrade("echo", |mut stream| async move {
                    let read = stream.read().await;
                    stream.write(format!("{read:?}")).await?;
                    Ok(())
                })?;
                res.set_status(StatusCode::FORBIDDEN);
                Ok(res)
            }
            // A hint, and the response once the body is there and some time has passed.
            "/hints" => {
                req.inform(StatusCode::EARLY_HINTS, LINK)?;
                req.take_body().collect(100).await?;
                cx.sleep(Duration::from_millis(20)).await;
                "hinted\n".into_response()
            }
            // A hint while the response is sent.
            "/late-hints" => {
                let (informer, (mut sender, body)) = (req.informer(), Body::channel(1));
                cx.clone().spawn("late hints", async move {
                    for part in ["one\n", "two\n"] {
                        if sender.send(part).await.is_err() {
                            return;
                        }
                        let _ = informer.inform(StatusCode::EARLY_HINTS, LINK);
                        cx.sleep(Duration::from_millis(20)).await;
                    }
                });
                body.into_response()
            }
            "/hints-101" => {
                req.inform(StatusCode::SWITCHING_PROTOCOLS, LINK)?;
                "never".into_response()
            }
            // A response that never ends.
            "/endless" => {
                let (mut sender, body) = Body::channel(1);
                cx.spawn("endless", async move {
                    if sender.send("endless\n").await.is_ok() {
                        sender.gone().await;
                    }
                });
                body.into_response()
            }
            "/long" => vec![b'x'; 4 << 20].into_response(),
            "/offers" => {
                let offers: Vec<_> = req.protocols().collect();
                offers.join("|").into_response()
            }
            _ => Ok(Response::new(StatusCode::NOT_FOUND)),
        }
    }
}

async fn echo(mut stream: Upgraded) -> Result<()> {
    while let Some(bytes) = stream.read().await? {
        stream.write(bytes).await?;
    }
    stream.write("bye").await?;
    Ok(())
}

/// Says when it is dropped.
struct Noted(Upgraded);

impl Drop for Noted {
    fn drop(&mut self) {
        tracing::info!("upgrades: dropped {:?}", self.0);
    }
}

stackup_plugin::export!(app Upgrades);
