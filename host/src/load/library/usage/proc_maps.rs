//! `/proc/self/maps`: which file is mapped at an address.

use std::io;
use std::ops::Range;
use std::path::Path;

use crate::load::library::Fingerprint;

/// The mappings of this process, by address.
#[derive(Debug)]
pub(in crate::load::library) struct ProcMaps(Vec<Mapping>);

#[derive(Debug)]
struct Mapping {
    address: Range<u64>,
    executable: bool,
    /// None for memory that no file is mapped to.
    file: Option<String>,
}

impl ProcMaps {
    /// Reads them.
    pub(in crate::load::library) fn read() -> io::Result<Self> {
        let text = std::fs::read("/proc/self/maps")?;
        Ok(Self::parse(&String::from_utf8_lossy(&text)))
    }

    pub(super) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(mapping).collect())
    }

    fn at(&self, address: u64) -> Option<&Mapping> {
        let after = self
            .0
            .partition_point(|mapping| mapping.address.end <= address);
        self.0
            .get(after)
            .filter(|mapping| mapping.address.contains(&address))
    }

    /// The file that is mapped at `address`.
    pub(in crate::load::library) fn file_at(&self, address: u64) -> Option<&str> {
        self.at(address)?.file.as_deref()
    }

    /// The file whose code is at `address`.
    pub(super) fn code_at(&self, address: u64) -> Option<&str> {
        let mapping = self.at(address)?;
        mapping.file.as_deref().filter(|_| mapping.executable)
    }

    /// The end of the mapping at `address`.
    pub(super) fn end_of(&self, address: u64) -> Option<u64> {
        Some(self.at(address)?.address.end)
    }
}

/// `START-END rwxp OFFSET DEVICE INODE      PATH`, numbers in hex.
fn mapping(line: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    let executable = fields.next()?.contains('x');
    let path = fields.nth(3).unwrap_or_default().trim_start();
    Some(Mapping {
        address: hex(start)?..hex(end)?,
        executable,
        file: path.starts_with('/').then(|| path.to_owned()),
    })
}

/// The plugin's name in the name of a private copy, `NAME-FINGERPRINT.so`; the whole name of any other file.
pub(in crate::load::library) fn library_name(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let copy = name
        .strip_suffix(".so")
        .and_then(|stem| stem.rsplit_once('-'));
    match copy {
        Some((plugin, fingerprint)) if fingerprint.parse::<Fingerprint>().is_ok() => {
            plugin.to_owned()
        }
        _ => name.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
1000-2000 r-xp 00000000 fe:00 12      /usr/bin/stackup
2000-3000 rw-p 00000000 00:00 0
3000-4000 r--p 00000000 fe:00 13      /run/a b-1.so (deleted)
5000-6000 rw-p 00000000 00:00 0       [stack]
";

    #[test]
    fn address_leads_to_its_mapping() {
        let maps = ProcMaps::parse(MAPS);
        assert_eq!(maps.file_at(0x1000), Some("/usr/bin/stackup"));
        assert_eq!(maps.code_at(0x1fff), Some("/usr/bin/stackup"));
        assert_eq!(maps.file_at(0x2000), None);
        assert_eq!(maps.end_of(0x2000), Some(0x3000));
        assert_eq!(maps.file_at(0x3abc), Some("/run/a b-1.so (deleted)"));
        assert_eq!(maps.code_at(0x3abc), None);
        assert_eq!(maps.file_at(0x5000), None);
        for outside in [0, 0x4000, 0x4fff, 0x6000, u64::MAX] {
            assert_eq!(maps.end_of(outside), None);
        }
    }

    #[test]
    fn private_copy_is_named_after_its_plugin() {
        let copy = format!("/run/stackup/uses-ctrlc-{}.so", Fingerprint::of(b"code"));
        assert_eq!(library_name(&copy), "uses-ctrlc");
        assert_eq!(
            library_name("/lib/x86_64-linux-gnu/libpq-5.so"),
            "libpq-5.so"
        );
        assert_eq!(library_name("/lib/libssl.so.3"), "libssl.so.3");
    }
}
