//! Passing file descriptors from one process to another over a socket.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

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

/// Sends the beginning of `bytes` with a descriptor, and returns how many bytes that were. On a socket that does not block it
/// may fail with [`io::ErrorKind::WouldBlock`].
///
/// # Errors
///
/// The peer has closed its end.
pub fn send_bytes_with(
    socket: impl AsFd,
    bytes: &[u8],
    descriptor: BorrowedFd<'_>,
) -> io::Result<usize> {
    let all = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&all)) {
        return Err(io::Error::other("no room for the descriptor"));
    }
    let parts = [IoSlice::new(bytes)];
    Ok(sendmsg(
        socket,
        &parts,
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?)
}

/// Reads bytes, and passes on the descriptors that come with them, in their order.
#[derive(Debug)]
pub struct DescriptorReader {
    socket: UnixStream,
    arrived: mpsc::Sender<OwnedFd>,
}

impl DescriptorReader {
    /// Reads from `socket`. A descriptor is in the channel before the bytes that it came with are read.
    pub fn new(socket: UnixStream) -> (Self, mpsc::Receiver<OwnedFd>) {
        let (arrived, descriptors) = mpsc::channel();
        (Self { socket, arrived }, descriptors)
    }
}

impl Read for DescriptorReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The kernel ends a read after the bytes that brought a descriptor, so one message's are the most.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(&self.socket, &mut parts, &mut ancillary, flags)?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                // Nobody is left to want them.
                passed.for_each(|descriptor| drop(self.arrived.send(descriptor)));
            }
        }
        Ok(received.bytes)
    }
}

/// A file that needs no directory: `TMPDIR` may be gone.
///
/// # Errors
///
/// The system has no memory or descriptor for it.
#[cfg(target_os = "linux")]
pub fn memory_file() -> io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    Ok(rustix::fs::memfd_create("stackup", flags)?.into())
}

/// A file that nobody else can open.
///
/// # Errors
///
/// The system refuses a temporary file.
#[cfg(not(target_os = "linux"))]
pub fn memory_file() -> io::Result<File> {
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
    fn descriptors_arrive_among_lines() {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut reader, descriptors) = DescriptorReader::new(far);
        (&near).write_all(b"first\n").unwrap();
        for text in ["one", "two"] {
            let mut file = memory_file().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let line = format!("{text}\n");
            let sent = send_bytes_with(&near, line.as_bytes(), file.as_fd()).unwrap();
            assert_eq!(sent, line.len());
            (&near).write_all(b"between\n").unwrap();
        }
        drop(near);
        let mut lines = String::new();
        reader.read_to_string(&mut lines).unwrap();
        assert_eq!(lines, "first\none\nbetween\ntwo\nbetween\n");
        drop(reader);
        let texts = descriptors.iter().map(|descriptor| {
            let (mut file, mut text) = (File::from(descriptor), String::new());
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            text
        });
        assert_eq!(texts.collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn closed_peer_is_unexpected_eof() {
        let (near, far) = UnixStream::pair().unwrap();
        drop(near);
        let error = receive_with_descriptors::<String>(&far).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
