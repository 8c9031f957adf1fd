use stackup_plugin::testing::{self, block_on, get};
use stackup_plugin::{Request, Result};

#[test]
fn case_of_a_protocol_does_not_matter() {
    let app = async |mut req: Request| req.upgrade("Echo", |_| async { Ok(()) });
    let app = testing::app_fn(app).unwrap();
    block_on(async {
        let request = get("/").offering("other, ECHO", "");
        let res = app.answer(request).await.unwrap();
        assert_eq!(res.accepted(), Some("Echo"));
    });
}

async fn panics(mut req: Request) -> Result {
    req.upgrade("echo", |mut stream| async move {
        stream.write("half of it").await?;
        panic!("no more")
    })
}

#[test]
fn panic_is_no_end_of_what_the_client_gets() {
    let app = testing::app_fn(panics).unwrap();
    block_on(async {
        let request = get("/").offering("echo", "");
        let mut body = app.answer(request).await.unwrap().take_body();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "half of it");
        assert!(body.frame().await.unwrap().is_err());
    });
}
