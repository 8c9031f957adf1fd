//! An app that greets: the smallest there is.

#![forbid(unsafe_code)]

async fn hello() -> &'static str {
    "Hello, World!\n"
}

stackup_plugin::export!(app fn hello);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get};

    #[test]
    fn greets() {
        block_on(async {
            let hello = testing::app_fn(super::hello).unwrap();
            let res = hello.answer(get("/any?thing")).await.unwrap();
            assert_eq!(res.status(), 200);
            assert_eq!(
                res.header("content-type"),
                Some("text/plain; charset=utf-8")
            );
            assert_eq!(res.finish().await.unwrap(), "Hello, World!\n");
        });
    }
}
