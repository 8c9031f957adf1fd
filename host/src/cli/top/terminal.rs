//! A terminal that shows one page after the other and reads single keys.

use std::io::{self, IsTerminal, Write, stdin, stdout};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// A terminal in which keys arrive at once and unseen. It is as it was at the end.
pub(super) struct Terminal {
    before: Termios,
}

impl Terminal {
    /// Takes over the terminal of this process.
    ///
    /// # Errors
    ///
    /// That stdin or stdout is none.
    pub(super) fn open() -> io::Result<Self> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            return Err(io::Error::other("stdin and stdout are no terminal"));
        }
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Flush, &raw)?;
        let terminal = Self { before };
        // Another screen, without a cursor.
        write_all("\x1b[?1049h\x1b[?25l")?;
        Ok(terminal)
    }

    /// Shows the lines in place of those before, as many as there is room for; the last one is at the bottom.
    ///
    /// # Errors
    ///
    /// The terminal's.
    pub(super) fn show(&self, lines: &[String], last: &str) -> io::Result<()> {
        let size = tcgetwinsize(stdout())?;
        let (width, height) = (usize::from(size.ws_col), usize::from(size.ws_row));
        let cut = |line: &str| line.chars().take(width).collect::<String>();
        let mut text = String::from("\x1b[H");
        for line in lines.iter().take(height.saturating_sub(1)) {
            text.push_str(&cut(line));
            text.push_str("\x1b[K\r\n");
        }
        text.push_str(&format!(
            "\x1b[J\x1b[{height};1H\x1b[7m{}\x1b[0m",
            cut(last)
        ));
        write_all(&text)
    }

    /// The next key within this time.
    ///
    /// # Errors
    ///
    /// The terminal's.
    pub(super) fn key(&self, within: Duration) -> io::Result<Option<u8>> {
        let stdin = stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let within = Timespec::try_from(within).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&within)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut key = [0];
        match rustix::io::read(&stdin, &mut key)? {
            0 => Err(io::Error::other("the terminal is closed")),
            _ => Ok(Some(key[0])),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // There is nobody left to report it to.
        let _ = write_all("\x1b[?25h\x1b[?1049l");
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.before);
    }
}

fn write_all(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
