//! How long something took, for people.

use std::fmt;
use std::time::Duration;

/// Shows a duration in one unit, as cargo does: `20.2 s`, `512 ms`, `0.4 ms`.
#[derive(Debug, Clone, Copy)]
pub struct Elapsed(pub Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_secs_f64() * 1000.0;
        match milliseconds {
            ..9.95 => write!(f, "{milliseconds:.1} ms"),
            ..999.5 => write!(f, "{milliseconds:.0} ms"),
            _ => write!(f, "{:.1} s", milliseconds / 1000.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_time_is_shown_in_the_unit_that_fits() {
        let shown = |micros| Elapsed(Duration::from_micros(micros)).to_string();
        assert_eq!(shown(0), "0.0 ms");
        assert_eq!(shown(440), "0.4 ms");
        assert_eq!(shown(9_949), "9.9 ms");
        assert_eq!(shown(9_950), "10 ms");
        assert_eq!(shown(512_300), "512 ms");
        assert_eq!(shown(999_499), "999 ms");
        assert_eq!(shown(999_500), "1.0 s");
        assert_eq!(shown(20_247_000), "20.2 s");
    }
}
