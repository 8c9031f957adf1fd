//! Where a file is mapped, according to `/proc/self/maps`. Pure.

use std::collections::BTreeSet;
use std::ops::Range;

use super::segments::Pages;

/// A line of `/proc/self/maps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) address: Range<u64>,
    pub(super) offset: u64,
    /// Private and not writable.
    pub(super) constant: bool,
}

/// Every mapping of the file at `path`.
#[derive(Debug)]
pub(super) struct Mappings(Vec<Mapping>);

impl Mappings {
    pub(super) fn of(path: &str, maps: &str) -> Self {
        Self(maps.lines().filter_map(|line| parse(line, path)).collect())
    }

    /// The end of the file's mapped part.
    pub(super) fn end(&self) -> Option<u64> {
        let ends = self.0.iter().map(|m| {
            let size = m.address.end.checked_sub(m.address.start)?;
            m.offset.checked_add(size)
        });
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Where all of `pages` are mapped unchanged from the file, if there is exactly one such place.
    pub(super) fn place(&self, pages: &[Pages]) -> Option<Vec<Range<u64>>> {
        let first = pages.first()?;
        let bias = |mapping: &Mapping| {
            let inside = first.offset.checked_sub(mapping.offset)?;
            let start = mapping.address.start.checked_add(inside)?;
            start.checked_sub(first.address.start)
        };
        let biases: BTreeSet<u64> = self.0.iter().filter_map(bias).collect();
        let mut places = biases.into_iter().filter_map(|bias| self.at(bias, pages));
        let place = places.next()?;
        places.next().is_none().then_some(place)
    }

    fn at(&self, bias: u64, pages: &[Pages]) -> Option<Vec<Range<u64>>> {
        let place = |pages: &Pages| {
            let start = pages.address.start.checked_add(bias)?;
            let address = start..pages.address.end.checked_add(bias)?;
            self.0
                .iter()
                .any(|mapping| mapping.holds(&address, pages.offset))
                .then_some(address)
        };
        pages.iter().map(place).collect()
    }
}

impl Mapping {
    /// Whether all of `address` maps the file from `offset` on, read-only.
    fn holds(&self, address: &Range<u64>, offset: u64) -> bool {
        let inside = self.address.start <= address.start && address.end <= self.address.end;
        inside
            && self.constant
            && self.offset.checked_add(address.start - self.address.start) == Some(offset)
    }
}

/// `START-END rwxp OFFSET DEVICE INODE      PATH`, numbers in hex.
fn parse(line: &str, path: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let rights = fields.next()?.as_bytes();
    let hex = |text| u64::from_str_radix(text, 16).ok();
    let offset = hex(fields.next()?)?;
    if fields.nth(2)?.trim_start_matches(' ') != path {
        return None;
    }
    Some(Mapping {
        address: hex(start)?..hex(end)?,
        offset,
        constant: rights.get(1) == Some(&b'-') && rights.get(3) == Some(&b'p'),
    })
}

#[cfg(test)]
#[path = "mappings_tests.rs"]
mod tests;
