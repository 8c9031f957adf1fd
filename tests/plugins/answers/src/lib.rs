//! An app that responds as the query says, so that a test of a middleware needs no app of its own.
//!
//! `status=404`, `header=name:value`, `body=text`, `bytes=1000`, `fail=message` and `panic=message`;
//! the first value of each counts, but of `header` all. `show=env` answers with the env, `env=NAME` with
//! values of it and the request's body, `stream=text` with chunks and without their length, which fail at `break=message`.
//! `print=text` is written to stdout.
//! Values are decoded as those of a form.

#![forbid(unsafe_code)]

use stackup_plugin::{Body, Bytes, Error, Request, Response, Result, StatusCode, tracing};

async fn answers(mut req: Request) -> Result {
    let query = req.query().to_owned();
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let first = |key| {
        pairs
            .iter()
            .find(|(k, _)| *k == key)
            .map(|(_, value)| &**value)
    };
    tracing::info!("answers: {} {}", req.method(), req.path_info());
    let status = first("status").and_then(|status| status.parse().ok());
    let status = status.unwrap_or(StatusCode::OK);
    let headers = pairs.iter().filter(|(key, _)| *key == "header");
    let headers = headers.map(|(_, field)| field.split_once(':').unwrap_or((field, "")));
    if let Some(message) = first("fail") {
        let status = if status.is_success() {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            status
        };
        let mut error = Error::new(status, message);
        for (name, value) in headers {
            error = error.with_header(name, value)?;
        }
        return Err(error);
    }
    if let Some(text) = first("print") {
        println!("{text}");
    }
    if let Some(message) = first("panic") {
        panic!("{message}");
    }
    let mut res = Response::new(status);
    for (name, value) in headers {
        res.headers_mut().append(name, value)?;
    }
    let number = |text: &str| text.parse::<usize>().ok();
    let all = |key| pairs.iter().filter(move |(k, _)| *k == key);
    let chunks: Vec<Bytes> = all("stream")
        .map(|(_, text)| text.clone().into_owned().into())
        .collect();
    if let Some(message) = first("break") {
        let (mut sender, body) = Body::channel(chunks.len() + 1);
        for chunk in chunks {
            sender.send(chunk).await?;
        }
        sender.fail(Error::new(StatusCode::BAD_GATEWAY, message));
        res.set_body(body);
        return Ok(res);
    }
    if !chunks.is_empty() {
        // A layer that maps chunks does not know their length.
        res.set_body(Body::empty().prepend(chunks).map_chunks(|chunk| chunk));
        return Ok(res);
    }
    if first("env").is_some() {
        let names: Vec<_> = all("env").map(|(_, name)| &**name).collect();
        res.set_body(values(&mut req, &names).await?);
        return Ok(res);
    }
    res.set_body(match (first("show"), first("bytes").and_then(number)) {
        (Some(_), _) => Body::from(env(&mut req).await?),
        (_, Some(bytes)) => Body::from(vec![b'x'; bytes]),
        _ => Body::from(first("body").unwrap_or_default().to_owned()),
    });
    Ok(res)
}

/// The env, a line for each, and the request's body after that.
async fn env(req: &mut Request) -> Result<String> {
    let lines = req
        .env()
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"));
    let env: String = lines.collect();
    let body = req.take_body().collect(1 << 20).await?;
    Ok(format!("{env}\n{}", String::from_utf8_lossy(&body.bytes)))
}

/// These of the env, a line for each, and the request's body after that.
async fn values(req: &mut Request, names: &[&str]) -> Result<String> {
    let env = req.env();
    let lines = names
        .iter()
        .map(|name| format!("{name}={}\n", env.get(name).as_deref().unwrap_or("-")));
    let values: String = lines.collect();
    let body = req.take_body().collect(1 << 20).await?;
    Ok(format!("{values}{}", String::from_utf8_lossy(&body.bytes)))
}

stackup_plugin::export!(app fn answers);
