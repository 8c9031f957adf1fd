//! Frames of RFC 6455, as a client writes and reads them.

use stackup_tests::Connection;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    /// The reserved bits, as in the first byte.
    pub(crate) reserved: u8,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

impl Frame {
    pub(crate) fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            fin: true,
            reserved: 0,
            opcode,
            masked: true,
            payload: payload.into(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | self.reserved | self.opcode];
        let mask = u8::from(self.masked) << 7;
        match self.payload.len() {
            short @ 0..126 => bytes.push(mask | short as u8),
            middle @ 126..65536 => {
                bytes.push(mask | 126);
                bytes.extend((middle as u16).to_be_bytes());
            }
            long => {
                bytes.push(mask | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        if !self.masked {
            bytes.extend(&self.payload);
            return bytes;
        }
        bytes.extend(MASK);
        let masked = self.payload.iter().zip(MASK.iter().cycle());
        bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// The next frame of a server; none if the connection ends.
    pub(crate) async fn read(connection: &mut Connection) -> Option<Self> {
        let head = connection.part(2).await.ok()?;
        assert_eq!(head[1] & 0x80, 0, "a server does not mask (§5.1)");
        let length = match head[1] {
            126 => {
                let bytes = connection.part(2).await.ok()?;
                usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
            }
            127 => {
                let bytes = connection.part(8).await.ok()?;
                let bytes = bytes.try_into().expect("8 bytes");
                usize::try_from(u64::from_be_bytes(bytes)).expect("a length")
            }
            short => usize::from(short),
        };
        Some(Self {
            fin: head[0] & 0x80 != 0,
            reserved: head[0] & 0x70,
            opcode: head[0] & 0x0f,
            masked: false,
            payload: connection.part(length).await.ok()?,
        })
    }

    /// The code of a close frame; none if it has none.
    pub(crate) fn code(&self) -> Option<u16> {
        let bytes = self.payload.first_chunk()?;
        Some(u16::from_be_bytes(*bytes))
    }
}
