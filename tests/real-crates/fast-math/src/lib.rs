//! An app whose library turns denormal numbers off in the thread that loads it.

#![forbid(unsafe_code)]

async fn app() -> String {
    let half = std::hint::black_box(2e-310_f64) / 2.0;
    format!("{half:e}")
}

stackup_plugin::export!(app fn app);
