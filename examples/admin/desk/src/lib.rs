//! An app for signed-in users: shows the user name and counts the visits of the session.

#![forbid(unsafe_code)]

use stackup_plugin::{Escaped, Html, IntoResponse, Method, Request, Result, StatusCode};

async fn desk(req: Request) -> Result {
    match (req.method(), req.path_info().trim_end_matches('/')) {
        (Method::GET, "") => visit(&req),
        (Method::POST, "/leave") => leave(&req),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn visit(req: &Request) -> Result {
    let env = req.env();
    let user = env.get("REMOTE_USER").unwrap_or("stranger".into());
    let mut session = req.session()?;
    let visits = session.get("visits").unwrap_or(0) + 1;
    session.insert("visits", visits)?;
    let page = format!(
        "<p>Good day, {}. This is visit {visits} of this session.\n\
         <form method=\"post\" action=\"{}/leave\"><button>Leave</button></form>\n",
        Escaped(&user),
        Escaped(req.script_name()),
    );
    let mut res = Html(page).into_response()?;
    session.save(&mut res)?;
    Ok(res)
}

fn leave(req: &Request) -> Result {
    let mut session = req.session()?;
    session.end();
    let back = [("location", req.script_name().to_owned())];
    let mut res = (StatusCode::SEE_OTHER, back, "").into_response()?;
    session.save(&mut res)?;
    Ok(res)
}

stackup_plugin::export!(app fn desk);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get};

    #[test]
    fn names_are_no_markup() {
        let desk = testing::app_fn(super::desk).unwrap();
        let request = get("/")
            .env("REMOTE_USER", "<b>")
            .env("rack.session", "{\"visits\":41}");
        let res = block_on(async { desk.answer(request).await?.finish().await });
        assert!(
            res.unwrap()
                .starts_with("<p>Good day, &lt;b&gt;. This is visit 42 ")
        );
    }
}
