//! An app with a thread that outlives its generation.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::catch_unwind;
use std::thread;

use stackup_plugin::{App, Context, IntoResponse, Request, Result};

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-late-code-00000000";

struct Late;

impl App for Late {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self)
    }

    async fn call(&self, req: Request) -> Result {
        match req.path_info() {
            // Its address is the answer.
            "/thread" => {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                let address = listener.local_addr()?;
                thread::spawn(move || serve(&listener));
                address.to_string().into_response()
            }
            _ => code().into_response(),
        }
    }
}

/// Read at run time: otherwise the compiler may copy the text to places that no test patches.
fn code() -> String {
    std::hint::black_box(CODE).to_owned()
}

/// Reports the thread's end from a thread-local's destructor.
struct Farewell(RefCell<Option<TcpStream>>);

impl Drop for Farewell {
    fn drop(&mut self) {
        if let Some(mut stream) = self.0.take() {
            let _ = writeln!(stream, "destructor {}", code());
        }
    }
}

thread_local! {
    static FAREWELL: Farewell = const { Farewell(RefCell::new(None)) };
}

/// Serves one connection, line by line, until `end`.
fn serve(listener: &TcpListener) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    let lines = BufReader::new(stream.try_clone()?).lines();
    let last = stream.try_clone()?;
    FAREWELL.with(|farewell| farewell.0.replace(Some(last)));
    for line in lines {
        match line?.as_str() {
            "code" => writeln!(stream, "thread {}", code())?,
            "panic" => {
                let caught = catch_unwind(|| panic!("{}", code())).unwrap_err();
                let text = caught.downcast_ref::<String>().map_or("", String::as_str);
                writeln!(stream, "caught {text}")?;
            }
            _ => break,
        }
    }
    Ok(())
}

stackup_plugin::export!(app Late);
