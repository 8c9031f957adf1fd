//! `tests/websocket/rfc6455.cases`: what a server does with the frames of a client.

use std::path::Path;

use stackup_tests::{Connection, Host, Site};

use super::frame::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT};
use super::open;

#[tokio::test]
async fn frames_are_answered_as_rfc_6455_says() {
    let site = Site::new("run = \"websockets\"", &["websockets"]);
    let host = Host::start(&site).await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("websocket/rfc6455.cases");
    let text = std::fs::read_to_string(file).expect("the cases");
    let cases: Vec<_> = text.split("\n= ").skip(1).collect();
    assert!(cases.len() > 50, "{} cases", cases.len());
    let mut failures = Vec::new();
    for case in cases {
        let (title, steps) = case.split_once('\n').expect("a title");
        if let Err(failure) = run(&host, steps).await {
            failures.push(format!("{title}: {failure}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn frames_may_be_limited_apart_from_their_message() {
    let site = Site::new("run = \"websockets\"", &["websockets"]);
    let host = Host::start(&site).await;
    let mut socket = open(&host, "/frames", "").await;
    for frame in ["text+ 1000*a", "continuation 1000*a"] {
        socket.send(sent(frame)).await;
    }
    expect(&mut socket, "text 2000*a")
        .await
        .expect("its message");
    socket.send(sent("text 1001*a")).await;
    expect(&mut socket, "close 1009").await.expect("its end");
}

async fn run(host: &Host, steps: &str) -> Result<(), String> {
    let mut socket = open(host, "/limited", "").await;
    let mut has_ended = false;
    for line in steps.lines().filter(|line| !line.is_empty()) {
        let (direction, frame) = line.split_once(' ').expect("a step");
        match (direction, frame) {
            ("<", "end") => {
                has_ended = true;
                let rest = socket.rest().await;
                if !rest.is_empty() {
                    return Err(format!("more bytes than expected: {rest:?}"));
                }
            }
            ("<", frame) => expect(&mut socket, frame).await?,
            // A server that has failed the connection already reads no more.
            _ => drop(socket.try_send(&sent(frame)).await),
        }
    }
    if !has_ended {
        socket
            .send(Frame::new(CLOSE, 1000_u16.to_be_bytes()).bytes())
            .await;
        expect(&mut socket, "close 1000").await?;
    }
    Ok(())
}

async fn expect(socket: &mut Connection, expected: &str) -> Result<(), String> {
    let Some(frame) = Frame::read(socket).await else {
        return Err(format!("the connection ended before `{expected}`"));
    };
    if let Some(codes) = expected.strip_prefix("close") {
        let codes: Vec<u16> = codes
            .split_whitespace()
            .map(|code| code.parse().expect("a code"))
            .collect();
        let fits = match frame.code() {
            Some(code) => codes.contains(&code),
            None => codes.is_empty(),
        };
        return match frame.opcode == CLOSE && fits {
            true => Ok(()),
            false => Err(format!("`{expected}` was expected, not {frame:?}")),
        };
    }
    let wanted = Frame {
        masked: false,
        ..parse(expected)
    };
    match frame == wanted {
        true => Ok(()),
        false => {
            let start = &frame.payload[..frame.payload.len().min(100)];
            Err(format!(
                "`{expected}` was expected, not opcode {} with {start:?}",
                frame.opcode
            ))
        }
    }
}

fn sent(frame: &str) -> Vec<u8> {
    match frame.strip_prefix("bytes ") {
        Some(bytes) => payload(bytes),
        None => parse(frame).bytes(),
    }
}

/// A frame, as the cases write it.
fn parse(text: &str) -> Frame {
    let (opcode, mut rest) = text.split_once(' ').unwrap_or((text, ""));
    let name = opcode.trim_end_matches('+');
    let number = match name {
        "continuation" => CONTINUATION,
        "text" => TEXT,
        "binary" => BINARY,
        "close" => CLOSE,
        "ping" => PING,
        "pong" => PONG,
        other => other
            .strip_prefix("opcode")
            .and_then(|number| number.parse().ok())
            .expect("an opcode"),
    };
    let mut frame = Frame::new(number, []);
    frame.fin = name == opcode;
    while let Some(flag) = rest.strip_prefix('!') {
        let (flag, more) = flag.split_once(' ').unwrap_or((flag, ""));
        match flag {
            "rsv1" => frame.reserved = 0x40,
            "rsv2" => frame.reserved = 0x20,
            "rsv3" => frame.reserved = 0x10,
            "unmasked" => frame.masked = false,
            other => panic!("`{other}` is no flag"),
        }
        rest = more;
    }
    if number == CLOSE {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        if let Ok(code) = code.parse::<u16>() {
            frame.payload.extend(code.to_be_bytes());
        }
        rest = reason;
    }
    frame.payload.extend(payload(rest));
    frame
}

/// `"text"` with `\x0a` for bytes, or `3*a`.
fn payload(text: &str) -> Vec<u8> {
    if let Some((count, byte)) = text.split_once('*') {
        return byte.repeat(count.parse().expect("a count")).into_bytes();
    }
    let text = text.trim_matches('"');
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
        bytes.extend(rest.as_bytes());
    }
    bytes
}
