//! The static TLS that a library takes of the process that loads it, for good.

use object::elf::{DF_STATIC_TLS, DT_FLAGS, FileHeader64, PT_TLS};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

/// How many bytes it takes; none if it leaves it to the loader to use other memory.
pub fn static_tls(bytes: &[u8]) -> Option<u64> {
    match FileKind::parse(bytes) {
        Ok(FileKind::Elf64) => read::<FileHeader64<Endianness>>(bytes),
        _ => None,
    }
}

fn read<Elf: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<u64> {
    let header = Elf::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, bytes).ok()?;
    let is_static = headers.iter().any(|part| {
        let entries = part
            .dynamic(endian, bytes)
            .ok()
            .flatten()
            .unwrap_or_default();
        entries.iter().any(|entry| {
            let value: u64 = entry.d_val(endian).into();
            entry.tag(endian) == DT_FLAGS && value & DF_STATIC_TLS.0 != 0
        })
    });
    let block = headers.iter().find(|part| part.p_type(endian) == PT_TLS)?;
    is_static.then(|| block.p_memsz(endian).into())
}
