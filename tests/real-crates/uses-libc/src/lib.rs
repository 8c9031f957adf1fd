//! An app whose `init` changes the process as its config says, in the way that C libraries do. Its answer is what other
//! plugins see.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicU64, Ordering};

use stackup_plugin::{App, Context, IntoResponse, Request, Result};

/// Its config.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    /// What `init` changes.
    change: Vec<String>,
}

struct Changes;

impl App for Changes {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        config.change.iter().for_each(|what| change(what));
        Ok(Self)
    }

    async fn call(&self, req: Request) -> Result {
        match req.path_info() {
            "/fault" => fault(),
            "/half" => {
                let at_load = f64::from_bits(AT_LOAD.load(Ordering::Relaxed));
                format!("{at_load:e} {:e}", half()).into_response()
            }
            _ => parsed("1.5").to_string().into_response(),
        }
    }
}

/// What [`half`] was when the library was loaded.
static AT_LOAD: AtomicU64 = AtomicU64::new(0);

/// Runs when the library is loaded.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = {
    extern "C" fn constructor() {
        AT_LOAD.store(half().to_bits(), Ordering::Relaxed);
    }
    constructor
};

/// Half of a number that is denormal.
fn half() -> f64 {
    std::hint::black_box(2e-310) / std::hint::black_box(2.0)
}

/// C's own reading of a number, which depends on the locale.
fn parsed(number: &str) -> f64 {
    let number = std::ffi::CString::new(number).unwrap_or_default();
    // SAFETY: a C string, and no end pointer.
    unsafe { libc::strtod(number.as_ptr(), std::ptr::null_mut()) }
}

fn fault() -> ! {
    // SAFETY: none. It exists to crash.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
    std::process::abort()
}

fn change(what: &str) {
    // SAFETY: calls of libc that change the process, which is what this plugin exists for.
    unsafe {
        match what {
            "directory" => drop(std::env::set_current_dir("/")),
            "umask" => drop(libc::umask(0o027)),
            "locale" => drop(libc::setlocale(libc::LC_ALL, c"C.UTF-8".as_ptr())),
            "environment" => std::env::set_var("USES_LIBC", "1"),
            "limit" => {
                let limit = libc::rlimit {
                    rlim_cur: 512,
                    rlim_max: 512,
                };
                libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
            }
            "mask" => {
                let mut set = std::mem::zeroed();
                libc::sigemptyset(&raw mut set);
                libc::sigaddset(&raw mut set, libc::SIGTERM);
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            }
            "segv" => handle(libc::SIGSEGV, prints_and_exits as *const () as usize),
            "pipe" => handle(libc::SIGPIPE, libc::SIG_DFL),
            "child" => handle(libc::SIGCHLD, libc::SIG_IGN),
            other => panic!("nothing is called `{other}`"),
        }
    }
}

fn handle(signal: c_int, handler: usize) {
    // SAFETY: the handler calls only what a handler may call.
    unsafe { libc::signal(signal, handler) };
}

/// What many C libraries do with a crash.
extern "C" fn prints_and_exits(_: c_int) {
    const SAYS: &CStr = c"a crash handler of a plugin\n";
    // SAFETY: both may be called in a signal handler.
    unsafe {
        libc::write(2, SAYS.as_ptr().cast(), SAYS.count_bytes());
        libc::_exit(9)
    }
}

stackup_plugin::export!(app Changes);
