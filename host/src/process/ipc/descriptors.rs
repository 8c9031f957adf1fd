//! Passing file descriptors from one process to another over a socket.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The kernel's limit for one message (`SCM_MAX_FD`).
const MAX_DESCRIPTORS: usize = 253;

/// The byte that carries the descriptors, so that they arrive with no byte of a later message.
const CARRIER: &[u8] = b"\n";

/// Sends `text`, which may be of any length, with descriptors. Does not wait for the peer to read.
///
/// # Errors
///
/// The peer has closed its end, or there are too many descriptors.
pub fn send_with_descriptors<T: Serialize>(
    socket: impl AsFd,
    text: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    // The text goes as a file: it can't fill the socket's buffer.
    let mut file = memory_file()?;
    file.write_all(&serde_json::to_vec(text)?)?;
    let all: Vec<_> = [file.as_fd()]
        .into_iter()
        .chain(descriptors.iter().copied())
        .collect();
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if all.len() > MAX_DESCRIPTORS || !ancillary.push(SendAncillaryMessage::ScmRights(&all)) {
        return Err(io::Error::other("too many sockets for one process"));
    }
    let parts = [IoSlice::new(CARRIER)];
    sendmsg(socket, &parts, &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// A file that needs no directory: `TMPDIR` may be gone.
#[cfg(target_os = "linux")]
fn memory_file() -> io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    Ok(rustix::fs::memfd_create("stackup", flags)?.into())
}

#[cfg(not(target_os = "linux"))]
fn memory_file() -> io::Result<File> {
    tempfile::tempfile()
}

/// Receives what [`send_with_descriptors`] sent, with the descriptors in the same order. Blocks.
///
/// # Errors
///
/// The peer has closed its end before it sent anything, or the text does not parse.
pub fn receive_with_descriptors<T: DeserializeOwned>(
    socket: impl AsFd,
) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            descriptors.extend(passed);
        }
    }
    if descriptors.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut file = File::from(descriptors.remove(0));
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    Ok((serde_json::from_slice(&text)?, descriptors))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn long_text_arrives_with_its_descriptors_only() {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut kept, given) = UnixStream::pair().unwrap();
        let long = "x".repeat(3_000_000);
        send_with_descriptors(&near, &long, &[given.as_fd()]).unwrap();
        drop(given);
        (&near).write_all(b"next").unwrap();
        drop(near);
        let (text, descriptors) = receive_with_descriptors::<String>(&far).unwrap();
        assert_eq!(text, long);
        let [descriptor] = <[OwnedFd; 1]>::try_from(descriptors).unwrap();
        UnixStream::from(descriptor).write_all(b"through").unwrap();
        let mut rest = String::new();
        kept.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "through");
        rest.clear();
        (&far).read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "next");
    }

    #[test]
    fn closed_peer_is_unexpected_eof() {
        let (near, far) = UnixStream::pair().unwrap();
        drop(near);
        let error = receive_with_descriptors::<String>(&far).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
