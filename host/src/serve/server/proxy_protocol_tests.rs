use proptest::prelude::*;

use super::*;

/// What a header says, and the bytes after it. `&[u8]` reads as a stream does.
fn read_from(mut bytes: &[u8]) -> (Result<Option<Ends>, ProxyHeaderError>, &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let read = runtime.unwrap().block_on(read(&mut bytes));
    (read, bytes)
}

fn version_2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, block].concat()
}

/// The addresses and ports of version 2.
fn block(ends: Ends) -> Vec<u8> {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let ports = [ends.source.port(), ends.destination.port()].map(u16::to_be_bytes);
    let [source, destination] = [ends.source.ip(), ends.destination.ip()].map(octets);
    [source, destination, ports.concat()].concat()
}

fn line(ends: Ends) -> String {
    let family = if ends.source.is_ipv4() {
        "TCP4"
    } else {
        "TCP6"
    };
    let (source, destination) = (ends.source, ends.destination);
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        source.ip(),
        destination.ip(),
        source.port(),
        destination.port()
    )
}

#[test]
fn header_without_addresses_names_none() {
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN ffff::1 ::1 1 \xff\r\r\n".to_vec(),
        version_2(0x20, 0x00, b""),
        version_2(0x20, 0x11, &[1; 12]),
        version_2(0x21, 0x00, b"tlv"),
        version_2(0x21, 0x31, &[0; 216]),
    ] {
        let bytes = [&header, &b"GET"[..]].concat();
        let (read, rest) = read_from(&bytes);
        assert_eq!(read.unwrap(), None, "{}", header.escape_ascii());
        assert_eq!(rest, b"GET", "{}", header.escape_ascii());
    }
}

#[test]
fn longest_headers_are_read() {
    let full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let text = format!("PROXY UNKNOWN {full} {full} 65535 65535\r\n");
    assert_eq!(text.len(), LINE_MAX);
    assert!(matches!(read_from(text.as_bytes()), (Ok(None), b"")));
    let long = text.replace(" 65535\r", " 655350\r");
    assert!(matches!(
        read_from(long.as_bytes()).0,
        Err(ProxyHeaderError::Malformed)
    ));
    let tlvs = vec![0; HEADER_MAX - 16];
    assert!(matches!(
        read_from(&version_2(0x21, 0, &tlvs)),
        (Ok(None), b"")
    ));
    let tlvs = vec![0; HEADER_MAX - 15];
    assert!(matches!(
        read_from(&version_2(0x21, 0, &tlvs)).0,
        Err(ProxyHeaderError::TooLong(2049))
    ));
}

#[test]
fn malformed_header_is_an_error() {
    for text in [
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2345\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2345\r\n",
        "PROXY TCP4 192.0.2.1  192.0.2.2 1 2345\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 345\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 23456\r\n",
        "PROXY TCP5 192.0.2.1 192.0.2.2 1 23456\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\n",
        "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "PROXY TCP4 192",
        "",
    ] {
        assert!(read_from(text.as_bytes()).0.is_err(), "{text:?}");
    }
    for (command, family, block) in [
        (0x11, 0x11, &[0; 12][..]),
        (0x22, 0x11, &[0; 12]),
        (0x21, 0x41, &[0; 12]),
        (0x21, 0x11, &[0; 11]),
        (0x21, 0x21, &[0; 35]),
    ] {
        let header = version_2(command, family, block);
        assert!(read_from(&header).0.is_err(), "{command:x} {family:x}");
    }
}

fn two_ends() -> impl Strategy<Value = Ends> {
    let ips = prop_oneof![
        any::<[Ipv4Addr; 2]>().prop_map(|ips| ips.map(IpAddr::V4)),
        any::<[Ipv6Addr; 2]>().prop_map(|ips| ips.map(IpAddr::V6)),
    ];
    (ips, any::<[u16; 2]>()).prop_map(|([source, destination], ports)| Ends {
        source: SocketAddr::new(source, ports[0]),
        destination: SocketAddr::new(destination, ports[1]),
    })
}

proptest! {
    #[test]
    fn header_names_its_ends_and_no_byte_after_it_is_read(
        ends in two_ends(),
        tlvs in proptest::collection::vec(any::<u8>(), 0..64),
        after in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let family = if ends.source.is_ipv4() { 0x11 } else { 0x21 };
        let block = [block(ends), tlvs].concat();
        for header in [line(ends).into_bytes(), version_2(0x21, family, &block)] {
            let bytes = [header, after.clone()].concat();
            let (read, rest) = read_from(&bytes);
            prop_assert_eq!(read.unwrap(), Some(ends));
            prop_assert_eq!(rest, after.as_slice());
        }
    }

    #[test]
    fn no_bytes_panic(start in 0..4_usize, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let start: &[u8] = [&b""[..], b"PROXY ", b"PROXY TCP6 ", &SIGNATURE][start];
        let _ = read_from(&[start, &bytes].concat());
    }
}
