//! Parts of one representation (RFC 9111 §3.3, §3.4).

use crate::fields::Fields;
use crate::range::ContentRange;
use crate::validator::Validators;

impl ContentRange {
    /// Whether all bytes from `first` to `last` are in this part.
    pub fn contains(&self, first: u64, last: u64) -> bool {
        self.first <= first && last <= self.last
    }

    /// Both parts as one, if they touch or overlap, and are of a whole of the same known length.
    pub fn join(&self, other: &Self) -> Option<Self> {
        let same = self.complete.is_some() && self.complete == other.complete;
        let touch = self.first <= other.last.saturating_add(1)
            && other.first <= self.last.saturating_add(1);
        (same && touch).then(|| Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            complete: self.complete,
        })
    }

    /// Whether it is the whole.
    pub fn is_whole(&self) -> bool {
        self.first == 0 && self.complete == Some(self.last + 1)
    }

    /// The number of its bytes.
    pub fn length(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// Whether parts with these fields may be combined: they have the same strong tag (§3.4).
pub fn same_representation(one: &impl Fields, other: &impl Fields) -> bool {
    let tags = Validators::of(one).tag().zip(Validators::of(other).tag());
    tags.is_some_and(|(one, other)| one.equals_strongly(&other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    fn part(first: u64, last: u64) -> ContentRange {
        ContentRange {
            first,
            last,
            complete: Some(10),
        }
    }

    #[test]
    fn parts_that_touch_are_joined() {
        assert_eq!(part(0, 4).join(&part(5, 9)), Some(part(0, 9)));
        assert_eq!(part(5, 9).join(&part(0, 6)), Some(part(0, 9)));
        assert_eq!(part(2, 3).join(&part(0, 9)), Some(part(0, 9)));
        assert_eq!(part(0, 4).join(&part(6, 9)), None);
        let other = ContentRange {
            complete: Some(11),
            ..part(5, 9)
        };
        assert_eq!(part(0, 4).join(&other), None);
        let unknown = ContentRange {
            complete: None,
            ..part(0, 4)
        };
        assert_eq!(unknown.join(&unknown), None);
        assert!(part(0, 9).is_whole() && !part(1, 9).is_whole() && !part(0, 8).is_whole());
        assert!(part(2, 5).contains(2, 5) && !part(2, 5).contains(1, 5));
    }

    #[test]
    fn only_a_strong_tag_makes_parts_one() {
        let of = |one: &str, other: &str| {
            let [one, other] =
                [one, other].map(|tag| [("etag", tag)].into_iter().collect::<List>());
            same_representation(&one, &other)
        };
        assert!(of("\"a\"", "\"a\""));
        assert!(!of("W/\"a\"", "W/\"a\"") && !of("\"a\"", "\"b\"") && !of("", ""));
    }
}
