//! Sample plugins for tests.

use object::write::{Object, StandardSegment};
use object::{Architecture, BinaryFormat, Endianness, SectionKind};

use super::{BaseDir, Metadata, RuntimeDir};

/// The section that `export!` writes into a library.
pub(crate) const SECTION: &str = "stackup-plugin=1\nabi=0.1.0\nname=logger\nversion=0.2.0\n\
    description=Logs requests\nrustc=rustc 1.95.0 (59807616e 2026-04-14)\npanic=unwind\n\
    profile=release\nhandler=middleware Logger\nhandler=app status\n";

pub(crate) fn metadata() -> Metadata {
    Metadata::parse(SECTION.as_bytes()).unwrap()
}

/// A runtime directory inside a temporary directory; drop both.
pub(crate) fn runtime_dir() -> (tempfile::TempDir, RuntimeDir) {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().to_path_buf();
    let variable = "TMPDIR";
    let dir = RuntimeDir::create(&[BaseDir { path, variable }]).unwrap();
    (base, dir)
}

/// An ELF shared library for this machine with only these sections.
pub(crate) fn library(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let arch = match std::env::consts::ARCH {
        "aarch64" => Architecture::Aarch64,
        _ => Architecture::X86_64,
    };
    let mut bytes = object_file(arch, sections);
    bytes[16] = 3; // ET_REL → ET_DYN
    bytes
}

/// An ELF object file.
pub(crate) fn object_file(arch: Architecture, sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut object = Object::new(BinaryFormat::Elf, arch, Endianness::Little);
    for (name, data) in sections {
        let segment = object.segment_name(StandardSegment::Data).to_vec();
        let id = object.add_section(segment, name.as_bytes().to_vec(), SectionKind::ReadOnlyData);
        object.append_section_data(id, data, 1);
    }
    object.write().unwrap()
}
