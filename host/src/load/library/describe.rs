//! Reads a library's metadata without running any of its code.

use object::elf::{PF_X, PT_GNU_STACK, PT_INTERP};
use object::read::elf::{ElfFile, FileHeader, ProgramHeader};
use object::read::{ReadCache, ReadRef};
use object::{Architecture, File, FileKind, Object, ObjectKind, ObjectSection, ObjectSegment};

use super::embedded::embedded;
use super::looks_like::looks_like;
use super::metadata::{Metadata, MetadataError};

/// The section's name in an ELF file.
const ELF_SECTION: &str = ".stackup";
/// The section's name in a Mach-O file, in the segment `__DATA`.
const MACHO_SECTION: &str = "__stackup";
/// This many bytes are enough to tell a file's format.
const START: u64 = 4096;

/// A file that is not a plugin this host can load.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// It has no bytes.
    #[error("the file is empty: build or copy it again")]
    Empty,
    /// Another kind of file.
    #[error("not a library, but {0}")]
    NotALibrary(&'static str),
    /// Truncated, or its tables are invalid.
    #[error("the library is truncated or damaged ({0}): build or copy it again")]
    Damaged(String),
    /// Built for another machine or system.
    #[error("built for {found}, but this host is {here}: build the plugin for this host")]
    WrongTarget {
        /// The file's target.
        found: String,
        /// This host's target.
        here: String,
    },
    /// A program.
    #[error("a program, not a library: give the plugin's crate `crate-type = [\"cdylib\"]`")]
    Executable,
    /// A `.o` file or a core dump.
    #[error("{0}, not a library: give the plugin's crate `crate-type = [\"cdylib\"]`")]
    NotShared(&'static str),
    /// A library that wants stacks that can be executed.
    #[error(
        "it asks for an executable stack, which would make every stack of the process executable"
    )]
    ExecutableStack,
    /// A library without metadata.
    #[error("a library, but not a stackup plugin: does its lib.rs call `stackup_plugin::export!`?")]
    NotAPlugin,
    /// A plugin whose metadata can't be read.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// How to get rid of [`DescribeError::ExecutableStack`].
pub(super) const EXECUTABLE_STACK_HELP: &str = "an object file without the section `.note.GNU-stack`, mostly one of \
     assembly, is why: link with `-C link-arg=-Wl,-z,noexecstack`";

impl DescribeError {
    /// How to fix it, where the message does not say so.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::ExecutableStack => Some(EXECUTABLE_STACK_HELP),
            _ => None,
        }
    }
}

/// Reads the metadata out of a library's bytes.
///
/// # Errors
///
/// When the bytes are not a plugin that this host can load; the error says what they are instead.
pub fn describe(bytes: &[u8]) -> Result<Metadata, DescribeError> {
    read(bytes)
}

/// The same for a file; reads only the parts it needs.
pub(super) fn describe_file(file: &std::fs::File) -> Result<Metadata, DescribeError> {
    read(&ReadCache::new(file))
}

fn read<'a>(bytes: impl ReadRef<'a>) -> Result<Metadata, DescribeError> {
    let unread = || DescribeError::Damaged("it can't be read".to_owned());
    let len = bytes.len().map_err(|()| unread())?;
    if len == 0 {
        return Err(DescribeError::Empty);
    }
    let start = bytes.read_bytes_at(0, len.min(START));
    let start = start.map_err(|()| unread())?;
    if !is_elf_or_macho(start) {
        return Err(DescribeError::NotALibrary(looks_like(start)));
    }
    let file = File::parse(bytes).map_err(|e| DescribeError::Damaged(e.to_string()))?;
    check_target(&file)?;
    check_extents(&file, len)?;
    check_kind(&file)?;
    check_stack(&file)?;
    let name = if matches!(file.format(), object::BinaryFormat::Elf) {
        ELF_SECTION
    } else {
        MACHO_SECTION
    };
    let section = file
        .section_by_name(name)
        .ok_or(DescribeError::NotAPlugin)?;
    let data = section
        .data()
        .map_err(|e| DescribeError::Damaged(e.to_string()))?;
    let mut metadata = Metadata::parse(data)?;
    metadata.embedded = embedded(&file);
    Ok(metadata)
}

fn is_elf_or_macho(bytes: &[u8]) -> bool {
    // The magic alone is enough: a file truncated right after it is damaged, not unknown.
    let kind = FileKind::parse(bytes);
    let known = [
        FileKind::Elf32,
        FileKind::Elf64,
        FileKind::MachO32,
        FileKind::MachO64,
    ];
    bytes.starts_with(b"\x7fELF") || kind.is_ok_and(|kind| known.contains(&kind))
}

fn check_target<'a>(file: &File<'a, impl ReadRef<'a>>) -> Result<(), DescribeError> {
    let format = format_name(file.format());
    let order = if file.is_little_endian() {
        "little"
    } else {
        "big"
    };
    let word = if file.is_64() { 64 } else { 32 };
    let arch = format!("{:?}", file.architecture()).to_lowercase();
    let found = format!("{arch} ({format}, {word} bit, {order}-endian)");
    let here_order = if cfg!(target_endian = "little") {
        "little"
    } else {
        "big"
    };
    let here = format!(
        "{} ({}, {} bit, {here_order}-endian)",
        std::env::consts::ARCH,
        format_name(object::BinaryFormat::native_object()),
        usize::BITS,
    );
    let same = file.format() == object::BinaryFormat::native_object()
        && host_architecture().is_none_or(|here| file.architecture() == here)
        && word == usize::BITS
        && order == here_order;
    if same {
        Ok(())
    } else {
        Err(DescribeError::WrongTarget { found, here })
    }
}

fn format_name(format: object::BinaryFormat) -> &'static str {
    match format {
        object::BinaryFormat::Elf => "ELF, as on Linux",
        object::BinaryFormat::MachO => "Mach-O, as on macOS",
        _ => "another format",
    }
}

/// This host's architecture, if it is known here; for others, the system's loader decides.
fn host_architecture() -> Option<Architecture> {
    Some(match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "aarch64" => Architecture::Aarch64,
        "x86" => Architecture::I386,
        "arm" => Architecture::Arm,
        "riscv64" => Architecture::Riscv64,
        "powerpc64" => Architecture::PowerPc64,
        "s390x" => Architecture::S390x,
        "loongarch64" => Architecture::LoongArch64,
        _ => return None,
    })
}

/// Everything the headers refer to must lie inside the file: the loader maps it unchecked, and an
/// access beyond the end is SIGBUS.
fn check_extents<'a>(file: &File<'a, impl ReadRef<'a>>, len: u64) -> Result<(), DescribeError> {
    let inside =
        |(offset, size): (u64, u64)| offset.checked_add(size).is_some_and(|end| end <= len);
    let sections = file.sections().filter_map(|section| section.file_range());
    let segments = file.segments().map(|segment| segment.file_range());
    if let Some((offset, size)) = sections
        .chain(segments)
        .chain(program_headers(file))
        .find(|range| !inside(*range))
    {
        let why = format!("a part of {size} bytes at {offset} lies beyond its {len} bytes");
        return Err(DescribeError::Damaged(why));
    }
    Ok(())
}

/// The file ranges of all program headers, including those that are not loaded.
fn program_headers<'a>(file: &File<'a, impl ReadRef<'a>>) -> Vec<(u64, u64)> {
    fn of<'a, Elf: FileHeader>(file: &ElfFile<'a, Elf, impl ReadRef<'a>>) -> Vec<(u64, u64)> {
        file.elf_program_headers()
            .iter()
            .map(|h| h.file_range(file.endian()))
            .collect()
    }
    match file {
        File::Elf32(file) => of(file),
        File::Elf64(file) => of(file),
        _ => Vec::new(),
    }
}

fn check_kind<'a>(file: &File<'a, impl ReadRef<'a>>) -> Result<(), DescribeError> {
    match file.kind() {
        ObjectKind::Executable => Err(DescribeError::Executable),
        ObjectKind::Relocatable => Err(DescribeError::NotShared("an object file (.o)")),
        ObjectKind::Core => Err(DescribeError::NotShared("a core dump")),
        // A position-independent executable has a library's type, but names an interpreter.
        ObjectKind::Dynamic if has_interpreter(file) => Err(DescribeError::Executable),
        ObjectKind::Dynamic => Ok(()),
        _ => Err(DescribeError::NotShared("an object of unknown type")),
    }
}

/// Linux's loader grants it to the whole process, from some version of glibc on it refuses the library.
fn check_stack<'a>(file: &File<'a, impl ReadRef<'a>>) -> Result<(), DescribeError> {
    fn of<'a, Elf: FileHeader>(file: &ElfFile<'a, Elf, impl ReadRef<'a>>) -> bool {
        let endian = file.endian();
        file.elf_program_headers().iter().any(|header| {
            header.p_type(endian) == PT_GNU_STACK && header.p_flags(endian).contains(PF_X)
        })
    }
    let executable = match file {
        File::Elf32(file) => of(file),
        File::Elf64(file) => of(file),
        _ => false,
    };
    match executable {
        true => Err(DescribeError::ExecutableStack),
        false => Ok(()),
    }
}

fn has_interpreter<'a>(file: &File<'a, impl ReadRef<'a>>) -> bool {
    fn of<'a, Elf: FileHeader>(file: &ElfFile<'a, Elf, impl ReadRef<'a>>) -> bool {
        file.elf_program_headers()
            .iter()
            .any(|h| h.p_type(file.endian()) == PT_INTERP)
    }
    match file {
        File::Elf32(file) => of(file),
        File::Elf64(file) => of(file),
        _ => false,
    }
}

#[cfg(test)]
#[path = "describe_tests.rs"]
mod tests;
