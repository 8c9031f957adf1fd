//! `stackup top`: what a running stackup does, as a page that changes.

mod page;
mod readings;
mod terminal;
mod view;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use self::page::Page;
use self::readings::Readings;
use self::terminal::Terminal;
use self::view::{Sort, lines};
use super::arguments::{TargetArgs, TopArgs};
use super::control::{ask, now};
use super::output::{print, print_error, print_json};
use crate::process::control::Request;
use crate::services::Families;

const KEYS: &str = " q quit   sort by: d directive  r requests/s  o own p99  t p99  f failures ";

const CTRL_C: u8 = 3;

pub(super) fn top(args: &TopArgs) -> ExitCode {
    let shown = match args.once || args.json {
        true => once(args),
        false => live(args).map(|()| ExitCode::SUCCESS),
    };
    shown.unwrap_or_else(|reason| {
        print_error(&reason);
        ExitCode::FAILURE
    })
}

fn once(args: &TopArgs) -> Result<ExitCode, String> {
    let mut source = Source::open(&args.target)?;
    thread::sleep(Duration::from_secs_f64(args.interval));
    let page = source.next()?;
    Ok(match args.json {
        true => print_json(&json!(page)),
        false => print(&lines(&page, Sort::default(), now()).join("\n")),
    })
}

fn live(args: &TopArgs) -> Result<(), String> {
    let mut source = Source::open(&args.target)?;
    let text =
        |error: std::io::Error| format!("{error}\n\nhelp: `stackup top --once` prints one page");
    let terminal = Terminal::open().map_err(text)?;
    let (interval, mut sort) = (Duration::from_secs_f64(args.interval), Sort::default());
    let mut shown = vec![format!("measuring for {} s …", args.interval)];
    let mut due = Instant::now() + interval;
    let mut page = None;
    loop {
        terminal.show(&shown, KEYS).map_err(text)?;
        let wait = due.saturating_duration_since(Instant::now());
        match terminal.key(wait).map_err(text)? {
            Some(b'q' | CTRL_C) => return Ok(()),
            Some(key) => sort = Sort::of_key(key).unwrap_or(sort),
            None => {
                due = Instant::now() + interval;
                // A server that is replaced is there again soon.
                match source.next() {
                    Ok(next) => page = Some(next),
                    Err(reason) => {
                        page = None;
                        shown = reason.lines().map(str::to_owned).collect();
                    }
                }
            }
        }
        if let Some(page) = &page {
            shown = lines(page, sort, now());
        }
    }
}

/// Where the pages come from.
struct Source<'a> {
    target: &'a TargetArgs,
    before: (Readings, Instant),
}

impl<'a> Source<'a> {
    fn open(target: &'a TargetArgs) -> Result<Self, String> {
        let before = (readings(target)?, Instant::now());
        Ok(Self { target, before })
    }

    /// What has happened since the last page.
    fn next(&mut self) -> Result<Page, String> {
        let now = (readings(self.target)?, Instant::now());
        let status = value(self.target, &Request::Status {})?;
        let seconds = now.1.duration_since(self.before.1).as_secs_f64();
        let page = Page::new(&self.before.0, &now.0, seconds, status);
        self.before = now;
        page
    }
}

fn readings(target: &TargetArgs) -> Result<Readings, String> {
    let families = Families::deserialize(value(target, &Request::Metrics {})?);
    let families =
        families.map_err(|error| format!("the server's figures can't be read: {error}"))?;
    Ok(Readings::of(&families))
}

fn value(target: &TargetArgs, request: &Request) -> Result<Value, String> {
    let reply = ask(target, request)?;
    match reply.ok {
        true => Ok(reply.value),
        false => Err(reply.text),
    }
}
