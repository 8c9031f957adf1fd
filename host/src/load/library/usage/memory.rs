//! Memory that belongs to a mapping alone.
//!
//! `Anonymous` and not `Private_Dirty`: right after a file was written, its clean pages count as dirty.

use std::io;

use super::ByFile;

/// The bytes of this process's memory that are in no file.
///
/// # Errors
///
/// When the system does not report it.
pub fn anonymous() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    Ok(text.lines().find_map(amount).unwrap_or_default())
}

/// The pages of each mapped file that were written, and are therefore no longer the file's, in bytes.
pub(in crate::load::library) fn anonymous_by_file() -> io::Result<ByFile> {
    let text = std::fs::read("/proc/self/smaps")?;
    Ok(sums(&String::from_utf8_lossy(&text)))
}

fn sums(smaps: &str) -> ByFile {
    let mut sums = ByFile::new();
    let mut file = None;
    for line in smaps.lines() {
        // `Anonymous:            22 kB`, or the first line of a mapping.
        let first = line.split(' ').next().unwrap_or_default();
        if !first.ends_with(':') {
            let path = line.splitn(6, ' ').nth(5).unwrap_or_default().trim_start();
            file = path.starts_with('/').then_some(path);
        } else if let (Some(file), Some(bytes)) = (file, amount(line)) {
            *sums.entry(file.to_owned()).or_default() += bytes;
        }
    }
    sums
}

fn amount(line: &str) -> Option<u64> {
    let kibibytes = line
        .strip_prefix("Anonymous:")?
        .trim()
        .strip_suffix(" kB")?;
    Some(kibibytes.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-2000 r-xp 00000000 fe:00 12      /run/a-1.so
Rss:                 300 kB
Private_Dirty:       300 kB
Anonymous:             0 kB
2000-3000 rw-p 00001000 fe:00 12      /run/a-1.so
Anonymous:            12 kB
3000-4000 rw-p 00000000 00:00 0
Anonymous:            99 kB
4000-5000 rw-p 00000000 fe:00 13      /run/a b.so
Anonymous:            10 kB
";

    #[test]
    fn only_written_pages_of_files_count() {
        let sums = sums(SMAPS);
        assert_eq!(sums["/run/a-1.so"], 12 << 10);
        assert_eq!(sums["/run/a b.so"], 10 << 10);
        assert_eq!(sums.len(), 2);
    }

    #[test]
    fn system_reports_it() {
        let touched = std::hint::black_box(vec![1_u8; 32 << 20]);
        // Other tests free memory at the same time, so the amount before says nothing.
        assert!(anonymous().unwrap() >= touched.len() as u64);
        drop(touched);
        assert!(!anonymous_by_file().unwrap().is_empty());
    }
}
