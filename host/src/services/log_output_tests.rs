use std::fs::File;
use std::io::{BufRead, BufReader};

use rustix::pipe::pipe;

use super::*;

/// An output whose queue takes 16 KiB, and the end of its pipe that nobody reads yet.
fn unread() -> (LogOutput, BufReader<File>) {
    unread_with(16 << 10)
}

fn unread_with(limit: usize) -> (LogOutput, BufReader<File>) {
    let (reader, writer) = pipe().unwrap();
    let target = Target::of(writer.as_fd());
    assert!(matches!(target, Target::Reopened(_)));
    let report = |dropped: u64| format!("dropped {dropped}\n");
    let output = LogOutput::new(target, limit, Box::new(report));
    (output, BufReader::new(File::from(reader)))
}

fn line(number: u64) -> String {
    format!("{number} {:>100}\n", "")
}

/// The next line's number, or how many lines a report says were dropped.
fn read(reader: &mut impl BufRead) -> Result<u64, u64> {
    let mut text = String::new();
    reader.read_line(&mut text).unwrap();
    match text.strip_prefix("dropped ") {
        Some(dropped) => Err(dropped.trim_end().parse().unwrap()),
        None => {
            let number = text.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(text, line(number), "whole");
            Ok(number)
        }
    }
}

#[test]
fn line_is_written_at_once() {
    let (output, mut reader) = unread();
    output.write(line(7).as_bytes());
    assert!(!output.0.queue().has_thread);
    assert_eq!(read(&mut reader), Ok(7));
}

#[test]
fn lines_beyond_the_limit_are_dropped_and_reported_in_their_place() {
    let (output, mut reader) = unread();
    // The pipe takes 64 KiB.
    let all = 5000;
    (0..all).for_each(|number| output.write(line(number).as_bytes()));
    let (mut next, mut dropped) = (0, 0);
    while next < all {
        match read(&mut reader) {
            Ok(number) => {
                assert_eq!(number, next);
                next += 1;
            }
            Err(count) => {
                (next, dropped) = (next + count, dropped + count);
            }
        }
    }
    assert!(dropped > 4000, "{dropped}");
    output.write(line(all).as_bytes());
    assert_eq!(read(&mut reader), Ok(all));
}

#[test]
fn lines_are_accepted_again_once_half_of_the_queue_is_written() {
    let (output, mut reader) = unread();
    (0..5000).for_each(|number| output.write(line(number).as_bytes()));
    let mut seen = 0;
    while read(&mut reader).is_ok() {
        seen += 1;
    }
    output.write(line(9999).as_bytes());
    assert_eq!(
        read(&mut reader),
        Ok(9999),
        "after {seen} lines and the report"
    );
}

#[test]
fn flush_waits_for_the_reader_but_not_forever() {
    let (output, mut reader) = unread_with(1 << 20);
    (0..700).for_each(|number| output.write(line(number).as_bytes()));
    output.flush(Duration::ZERO);
    assert!(!output.0.queue().is_idle());
    let reads = thread::spawn(move || (0..700).all(|number| read(&mut reader) == Ok(number)));
    output.flush(Duration::from_secs(60));
    assert!(output.0.queue().is_idle());
    assert!(reads.join().unwrap());
}

#[test]
fn long_line_is_written_whole() {
    let (output, mut reader) = unread();
    let long = "x".repeat(200 << 10) + "\n";
    output.write(long.as_bytes());
    output.write(line(1).as_bytes());
    let mut text = String::new();
    reader.read_line(&mut text).unwrap();
    assert_eq!(text, long);
    // The rest of the long line had filled the queue.
    assert_eq!(read(&mut reader), Err(1));
}

#[test]
fn closed_pipe_loses_lines_and_no_more() {
    let (output, reader) = unread();
    drop(reader);
    (0..5000).for_each(|number| output.write(line(number).as_bytes()));
    assert!(output.0.queue().is_idle());
}
