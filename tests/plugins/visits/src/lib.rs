//! An app that counts a client's visits in his session; `/enter` renews it, `/leave` ends it.

#![forbid(unsafe_code)]

use stackup_plugin::{IntoResponse, Request, Result};

async fn visits(req: Request) -> Result {
    let mut session = req.session()?;
    let visits = session.get("visits").unwrap_or(0) + 1;
    match req.path_info() {
        "/leave" => session.end(),
        "/enter" => session.renew(),
        _ => session.insert("visits", visits)?,
    }
    let mut res = format!("visit {visits}\n").into_response()?;
    session.save(&mut res)?;
    Ok(res)
}

stackup_plugin::export!(app fn visits);
