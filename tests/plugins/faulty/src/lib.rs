//! An app and a middleware with a fault that a test patches into the library. Both report their code.
//!
//! The fault is in the file, not in the config: each fault is another library, as in practice.

use std::sync::atomic::{AtomicU64, Ordering};

use stackup_plugin::{App, Context, IntoResponse, Next, Request, Result};

/// Identifies this library among its copies.
static CODE: &str = "stackup-faulty-code-00000000";

/// The fault and its request: `kind@number`.
static FAULT: &str = "stackup-faulty-fault-none@00000000";

/// Runs when the library is loaded.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = {
    extern "C" fn constructor() {
        if fault().0 == "load" {
            crash();
        }
    }
    constructor
};

/// Its config.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    /// Part of each response, to distinguish manifests.
    mark: u64,
}

struct Faulty {
    mark: u64,
    requests: AtomicU64,
}

impl App for Faulty {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        if fault().0 == "init" {
            crash();
        }
        Ok(Self {
            mark: config.mark,
            requests: AtomicU64::new(1),
        })
    }

    async fn call(&self, req: Request) -> Result {
        let (kind, number) = fault();
        let due = self.requests.fetch_add(1, Ordering::Relaxed) == number;
        if kind == "pani" || due || req.path_info() == "/fault" {
            fail(kind);
        }
        let code = std::hint::black_box(CODE);
        format!(
            "{code} mark {} generation {}\n",
            self.mark,
            req.generation()
        )
        .into_response()
    }
}

/// Read at run time: otherwise the compiler may copy the text to places that no test patches.
fn fault() -> (&'static str, u64) {
    let text = std::hint::black_box(FAULT);
    let fault = text.strip_prefix("stackup-faulty-fault-").unwrap_or(text);
    let (kind, number) = fault.split_once('@').unwrap_or((fault, ""));
    (kind, number.parse().unwrap_or_default())
}

async fn layer(req: Request, next: Next<'_>) -> Result {
    if req.path_info() == "/layer" {
        fail(fault().0);
    }
    let code = std::hint::black_box(CODE);
    next.run(req)
        .await?
        .with_header("x-faulty", code)
        .map_err(Into::into)
}

fn fail(kind: &str) {
    match kind {
        "pani" => panic!("on purpose, in each request"),
        "segv" => crash(),
        "abrt" => std::process::abort(),
        "over" => drop(overflow(1)),
        "exit" => std::process::exit(7),
        "hang" => loop {
            std::thread::park();
        },
        _ => {}
    }
}

fn crash() {
    // SAFETY: none. This plugin exists to access memory that it does not own.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
}

/// Overflows the stack.
#[expect(unconditional_recursion, reason = "that is the fault")]
fn overflow(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    overflow(depth + 1) + frame[1]
}

stackup_plugin::export!(app Faulty as "faulty", middleware fn layer);
