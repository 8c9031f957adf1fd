use proptest::prelude::*;

use super::*;

/// A record with padding.
fn record(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let mut bytes = vec![1, kind];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&(content.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&[padding, 0]);
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len() + usize::from(padding), 0xee);
    bytes
}

/// The pieces of a stream without their borders; what ends it is a piece of its own.
fn joined(pieces: Vec<Piece>) -> Vec<(u8, u16, Vec<u8>)> {
    let mut joined: Vec<(Kind, u16, Vec<u8>)> = Vec::new();
    for piece in pieces {
        match joined.last_mut() {
            Some((kind, id, content))
                if *kind == piece.kind
                    && *id == piece.id
                    && kind.is_stream()
                    && !content.is_empty()
                    && !piece.content.is_empty() =>
            {
                content.extend_from_slice(&piece.content);
            }
            _ => joined.push((piece.kind, piece.id, piece.content.to_vec())),
        }
    }
    let number = |kind| match kind {
        Kind::BeginRequest => 1,
        Kind::AbortRequest => 2,
        Kind::Params => 4,
        Kind::Stdin => 5,
        Kind::Data => 8,
        Kind::GetValues => 9,
        Kind::Other(other) => other,
    };
    joined
        .into_iter()
        .map(|(kind, id, content)| (number(kind), id, content))
        .collect()
}

fn decode(bytes: &[u8], cuts: &[usize]) -> Vec<Piece> {
    let mut decoder = Decoder::default();
    let mut pieces = Vec::new();
    let mut rest = bytes;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let cut = (*cuts.next().unwrap()).min(rest.len());
        let (now, later) = rest.split_at(cut);
        decoder.buffer().extend_from_slice(now);
        rest = later;
        while let Some(piece) = decoder.next().unwrap() {
            pieces.push(piece);
        }
    }
    assert!(decoder.is_between_records());
    pieces
}

proptest! {
    #[test]
    fn records_are_the_same_however_they_arrive(
        records in prop::collection::vec(
            (1u8..14, 0u16..3, prop::collection::vec(any::<u8>(), 0..300), any::<u8>()), 1..8),
        cuts in prop::collection::vec(1usize..40, 1..20),
    ) {
        let mut bytes = Vec::new();
        for (kind, id, content, padding) in &records {
            bytes.extend(record(*kind, *id, content, *padding));
        }
        let at_once = decode(&bytes, &[bytes.len()]);
        let sent: Vec<_> = records.iter().map(|(kind, id, content, _)| (*kind, *id, content.clone())).collect();
        let got = at_once.iter().map(|piece| piece.content.len()).sum::<usize>();
        prop_assert_eq!(at_once.len(), sent.len());
        prop_assert_eq!(got, sent.iter().map(|(_, _, content)| content.len()).sum::<usize>());
        prop_assert_eq!(joined(decode(&bytes, &cuts)), joined(at_once));
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut decoder = Decoder::default();
        decoder.buffer().extend_from_slice(&bytes);
        while let Ok(Some(_)) = decoder.next() {}
    }
}

#[test]
fn stream_is_passed_on_before_its_record_is_whole() {
    let bytes = record(5, 1, b"hello", 3);
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(&bytes[..10]);
    let piece = decoder.next().unwrap().unwrap();
    assert_eq!((piece.kind, &piece.content[..]), (Kind::Stdin, &b"he"[..]));
    assert_eq!(decoder.next(), Ok(None), "an empty piece would be its end");
    decoder.buffer().extend_from_slice(&bytes[10..]);
    assert_eq!(&decoder.next().unwrap().unwrap().content[..], b"llo");
    assert_eq!(decoder.next(), Ok(None));
    assert!(decoder.is_between_records());
}

#[test]
fn begin_is_passed_on_as_a_whole() {
    let bytes = record(1, 1, &[0, 1, 0, 0, 0, 0, 0, 0], 0);
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(&bytes[..12]);
    assert_eq!(decoder.next(), Ok(None));
    decoder.buffer().extend_from_slice(&bytes[12..]);
    assert_eq!(decoder.next().unwrap().unwrap().content.len(), 8);
}

#[test]
fn other_version_is_refused() {
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(b"GET / HTTP/1.1\r\n");
    assert_eq!(decoder.next(), Err(Malformed::Version(b'G')));
}

#[test]
fn response_is_cut_into_records() {
    let mut output = BytesMut::new();
    let body = vec![b'x'; CONTENT_MAX + 1];
    put_stdout(&mut output, 7, &body);
    put_stdout(&mut output, 7, &[]);
    put_response_end(&mut output, 7);
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(&output);
    let mut lengths = Vec::new();
    while let Some(piece) = decoder.next().unwrap() {
        assert_eq!(piece.id, 7);
        lengths.push((piece.kind, piece.content.len()));
    }
    let stdout = Kind::Other(STDOUT);
    let all = [
        (stdout, CONTENT_MAX),
        (stdout, 1),
        (stdout, 0),
        (Kind::Other(END_REQUEST), 8),
    ];
    assert_eq!(lengths, all);
}
