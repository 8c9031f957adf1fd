//! An app whose panics can't be contained: the test harness builds it with `panic = "abort"`.

#![forbid(unsafe_code)]

async fn aborts() -> &'static str {
    panic!("nobody can catch this")
}

stackup_plugin::export!(app fn aborts);
