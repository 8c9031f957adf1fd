//! `stackup cgi`: one request, from a web server that starts a process for each (RFC 3875).

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read, Write, stdin};
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::thread;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stdout, stderr, stdout};
use tokio::runtime::{Builder, Handle};

use super::arguments::CgiArgs;
use super::output::print_error;
use crate::embed::{OpenError, OpenOptions, Stack};
use crate::serve::server::EmbeddedBody;
use crate::serve::server::cgi::{self, Environment, Feed, body};

/// How much of the request's body is read at once.
const PIECE: usize = 16 << 10;

/// Descriptors from here on are nobody's standard stream.
const FIRST_DESCRIPTOR: i32 = 3;

/// Answers the request that the environment and stdin have.
pub(super) fn cgi(args: &CgiArgs) -> ExitCode {
    let environment = Environment::of_process();
    if !environment.is_of_request() {
        let manifest = args.manifest().display();
        print_error(&format!(
            "there is no request: REQUEST_METHOD is not set\n\nhelp: a web server starts `stackup cgi` for each request. To see a response here:\n\
             REQUEST_METHOD=GET REQUEST_URI=/ SERVER_PROTOCOL=HTTP/1.0 stackup cgi {manifest}"
        ));
        return ExitCode::FAILURE;
    }
    match run(args, &environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Stack(reason)) => {
            print_error(&reason.to_string());
            ExitCode::FAILURE
        }
        Err(Failed::Request(error)) => {
            print_error(&format!("cannot answer the request: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Why there is no response, or not all of one.
enum Failed {
    /// The stack can't be built. The text says why.
    Stack(OpenError),
    Request(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Request(error)
    }
}

fn run(args: &CgiArgs, environment: &Environment) -> Result<(), Failed> {
    let response = own_stdout()?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(args, environment, response));
    // A handler may still hold a thread, and nobody waits for it.
    runtime.shutdown_background();
    ended
}

/// The web server's end of stdout. What plugins print goes to stderr from now on: it would be a part of the response.
fn own_stdout() -> io::Result<File> {
    let response = fcntl_dupfd_cloexec(stdout(), FIRST_DESCRIPTOR)?;
    dup2_stdout(stderr())?;
    Ok(response.into())
}

async fn serve(
    args: &CgiArgs,
    environment: &Environment,
    mut response: File,
) -> Result<(), Failed> {
    let name = args.environment.as_deref().unwrap_or("production");
    let options = OpenOptions::new()
        .environment(name)
        .locked(args.locked)
        .cgi(args.trust.trust);
    let stack = match options.open(args.manifest()).await {
        Ok(stack) => stack,
        Err(error) => {
            refuse(&mut response, StatusCode::INTERNAL_SERVER_ERROR)?;
            return Err(Failed::Stack(error));
        }
    };
    let answered = answer(&stack, environment, &mut response).await;
    // The client need not wait for the end of the handlers.
    drop(response);
    stack.shutdown().await;
    match answered {
        // The client has left, and with it the web server's end.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        answered => Ok(answered?),
    }
}

async fn answer(stack: &Stack, environment: &Environment, response: &mut File) -> io::Result<()> {
    let read = cgi::read(environment, environment.has_chunks(), stack.header_count());
    let head = match read {
        Ok(head) => head,
        Err(error) => {
            refuse(response, error.status())?;
            return Err(io::Error::other(error));
        }
    };
    let is_head = head.parts.method == Method::HEAD;
    let (feed, body) = body(head.length);
    let runtime = Handle::current();
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || read_body(&feed, &runtime))?;
    let answered = stack.answer_cgi(head, body).await;
    send(answered, is_head, response).await
}

/// Passes on the request's body as fast as a handler reads it. What none reads is read all the same: many web servers read no response
/// before they have written everything.
fn read_body(feed: &Feed, runtime: &Handle) {
    let mut stdin = stdin().lock();
    let mut piece = BytesMut::new();
    while feed.rest() != Some(0) {
        let has_room = |cx: &mut Context<'_>| match feed.has_room(cx) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        };
        runtime.block_on(poll_fn(has_room));
        // What follows the body is not the request's (RFC 3875 §4.2).
        let most = feed
            .rest()
            .map_or(PIECE as u64, |rest| rest.min(PIECE as u64));
        piece.resize(most as usize, 0);
        match stdin.read(&mut piece) {
            Ok(length) => {
                feed.push(piece.split_to(length).freeze());
                if length == 0 {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Whoever reads the body gets an error.
            Err(error) => return tracing::debug!("cannot read the request's body: {error}"),
        }
    }
}

/// Writes a response, each part of its body as it comes.
async fn send(
    answered: Response<EmbeddedBody>,
    is_head: bool,
    response: &mut File,
) -> io::Result<()> {
    let (head, has_body) = cgi::head(&answered, is_head);
    response.write_all(&head)?;
    if !has_body {
        return Ok(());
    }
    let mut body = answered.into_body();
    while let Some(frame) = body.frame().await {
        // The log says why it has failed. The web server can tell by the length, if it has one.
        let frame = frame.map_err(|_| io::Error::other("the response's body has failed"))?;
        // Trailers have no place in CGI.
        if let Ok(data) = frame.into_data() {
            response.write_all(&data)?;
        }
    }
    Ok(())
}

/// A page for a request that no handler gets.
fn refuse(response: &mut File, status: StatusCode) -> io::Result<()> {
    let page = format!("{status}\n");
    let mut refused = Response::new(Full::<Bytes>::from(page.clone()));
    *refused.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    refused.headers_mut().insert(CONTENT_TYPE, text);
    let (head, _) = cgi::head(&refused, false);
    response.write_all(&head)?;
    response.write_all(page.as_bytes())
}
