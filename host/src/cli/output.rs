//! What a command prints. A reader who has seen enough (`| head -1`) closes the pipe: that is no error.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use log_text::styled;

use crate::services;

/// Prints the result of a command, and ends the line. What it quotes from files cannot control the terminal.
pub(super) fn print(text: &str) -> ExitCode {
    print_safe(&styled(text))
}

/// Prints JSON.
pub(super) fn print_json(value: &serde_json::Value) -> ExitCode {
    print_safe(&log_text::json(&format!("{value:#}")))
}

fn print_safe(text: &str) -> ExitCode {
    match write_line(&mut io::stdout().lock(), text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&format!("cannot write to stdout: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn write_line(out: &mut impl Write, text: &str) -> io::Result<()> {
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(if text.ends_with('\n') { b"" } else { b"\n" }))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints an error to stderr, with the title `error: ` if it has none.
pub(super) fn print_error(reason: &str) {
    let title = if services::has_level_prefix(reason) {
        ""
    } else {
        "error: "
    };
    to_stderr(&format!("{title}{}", reason.trim_end()));
}

/// Prints a warning to stderr, with an empty line after it.
pub(super) fn print_warning(text: &str) {
    to_stderr(&format!("{text}\n"));
}

fn to_stderr(text: &str) {
    // anstream strips the colours if stderr does not want them. Without a stderr there is nobody to read it.
    let _ = writeln!(anstream::stderr(), "{}", styled(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refuses(ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn closed_pipe_is_no_error_and_a_full_disk_is() {
        assert!(write_line(&mut Refuses(ErrorKind::BrokenPipe), "text").is_ok());
        assert!(write_line(&mut Refuses(ErrorKind::StorageFull), "text").is_err());
    }

    #[test]
    fn text_ends_with_one_newline() {
        for text in ["a", "a\n"] {
            let mut out = Vec::new();
            write_line(&mut out, text).unwrap();
            assert_eq!(out, b"a\n");
        }
    }
}
