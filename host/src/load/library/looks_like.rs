//! Guesses the type of a file that is not a library.

/// Magic numbers of files that are used by mistake, and their descriptions.
const MAGIC: &[(&[u8], &str)] = &[
    (
        b"version https://git-lfs",
        "a Git LFS pointer: run `git lfs pull`",
    ),
    (b"#!", "a script"),
    (
        b"!<arch>\n",
        "an archive (.a or .rlib): build the plugin as a cdylib",
    ),
    (
        b"!<thin>\n",
        "a thin archive (.a): build the plugin as a cdylib",
    ),
    (
        b"rust",
        "Rust metadata (.rmeta): build the plugin as a cdylib",
    ),
    (b"\0asm", "a WebAssembly module"),
    (b"\x1f\x8b", "gzip data: unpack it"),
    (b"BZh", "bzip2 data: unpack it"),
    (b"\xfd7zXZ\0", "xz data: unpack it"),
    (b"\x28\xb5\x2f\xfd", "zstd data: unpack it"),
    (b"PK\x03\x04", "a zip file: unpack it"),
    (b"MZ", "a Windows program or DLL (PE)"),
    (b"\xca\xfe\xba\xbe", "a universal Mach-O file or Java class"),
];

/// Describes what `bytes` look like, in a few words.
pub(super) fn looks_like(bytes: &[u8]) -> &'static str {
    let known = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
    if let Some((_, name)) = known {
        return name;
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return "nothing but zeros: did a copy fail?";
    }
    if is_text(&bytes[..bytes.len().min(512)]) {
        "text"
    } else {
        "unknown data"
    }
}

fn is_text(start: &[u8]) -> bool {
    let printable = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    let whole = match std::str::from_utf8(start) {
        Ok(_) => true,
        // The 512 bytes may end within a character.
        Err(e) => e.error_len().is_none(),
    };
    whole && start.iter().all(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_are_named() {
        assert_eq!(looks_like(b"use = [\"logger\"]\n"), "text");
        assert_eq!(looks_like("é".repeat(511).as_bytes()), "text");
        assert!(looks_like(b"\x1f\x8b\x08\0\0").starts_with("gzip"));
        assert!(looks_like(b"!<arch>\nfoo").starts_with("an archive"));
        assert!(looks_like(b"MZ\x90\0").contains("Windows"));
        assert!(looks_like(&[0; 4096]).starts_with("nothing but zeros"));
        assert_eq!(looks_like(&[1, 2, 3, 254]), "unknown data");
    }
}
