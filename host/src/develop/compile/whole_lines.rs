//! Forwarding what another process writes, line by line.

/// Cargo writes a line in pieces. The log would come in between, so they wait for the end of the line.
#[derive(Default)]
pub(super) struct WholeLines(Vec<u8>);

impl WholeLines {
    /// A line that is longer than this does not wait.
    const LONGEST: usize = 64 << 10;

    /// What waited and the piece, up to the last line that has ended. A progress bar ends with a carriage return.
    pub(super) fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(piece);
        let ends = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let end = match self.0.iter().rposition(ends) {
            Some(last) => last + 1,
            None if self.0.len() > Self::LONGEST => self.0.len(),
            None => 0,
        };
        self.0.drain(..end).collect()
    }

    /// What still waits, at the end.
    pub(super) fn rest(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_waits_for_its_end() {
        let mut lines = WholeLines::default();
        let pieces = [
            "    Blocking",
            " waiting for a lock\n   Comp",
            "iling a\rcut",
        ];
        let passed = pieces.map(|piece| String::from_utf8(lines.pass(piece.as_bytes())).unwrap());
        assert_eq!(
            passed,
            ["", "    Blocking waiting for a lock\n", "   Compiling a\r"]
        );
        assert_eq!(lines.rest(), b"cut");
    }

    #[test]
    fn endless_line_is_passed() {
        let mut lines = WholeLines::default();
        let long = vec![b'x'; WholeLines::LONGEST + 1];
        assert_eq!(lines.pass(&long), long);
    }
}
