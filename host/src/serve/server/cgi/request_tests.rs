use super::super::environment::Environment;
use super::*;

/// What every front server sends.
const USUAL: [(&str, &str); 5] = [
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_URI", "/a%20b?x=1"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("HTTP_HOST", "a.test"),
    ("CONTENT_LENGTH", ""),
];

/// The usual params and these: the last of one name counts.
fn request(params: &[(&str, &str)]) -> Result<Head, NoRequest> {
    let variables = Environment::of(&[&USUAL, params].concat());
    read(&variables, false, 10)
}

#[test]
fn params_become_a_request() {
    let head = request(&[
        ("REQUEST_METHOD", "POST"),
        ("CONTENT_TYPE", "text/plain"),
        ("CONTENT_LENGTH", "5"),
        ("HTTP_CONTENT_LENGTH", "5"),
        ("HTTP_CONTENT_TYPE", "text/plain"),
        ("HTTP_X_FORWARDED_FOR", "192.0.2.7"),
        ("HTTP_COOKIE", "a=1"),
        ("DOCUMENT_ROOT", "/srv"),
        ("REMOTE_USER", "ada"),
        ("SERVER_SOFTWARE", "nginx/1.22.1"),
        ("AUTH_TYPE", ""),
    ]);
    let head = head.unwrap();
    assert_eq!(head.parts.method, Method::POST);
    assert_eq!(head.parts.uri, "/a%20b?x=1");
    assert_eq!(head.parts.version, Version::HTTP_11);
    assert_eq!((head.length, head.framing), (Some(5), Ok(())));
    let mut fields: Vec<_> = head
        .parts
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    fields.sort();
    let expected = [
        "content-length: 5",
        "content-type: text/plain",
        "cookie: a=1",
        "host: a.test",
        "x-forwarded-for: 192.0.2.7",
    ];
    assert_eq!(fields, expected);
    let env = [("REMOTE_USER", "ada"), ("SERVER_SOFTWARE", "nginx/1.22.1")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(head.env, env);
}

#[test]
fn fields_of_the_clients_connection_end_at_the_front_server() {
    let head = request(&[
        ("HTTP_CONNECTION", "upgrade, x-a"),
        ("HTTP_UPGRADE", "websocket"),
        ("HTTP_TRANSFER_ENCODING", "chunked"),
        ("HTTP_KEEP_ALIVE", "5"),
        ("HTTP_TE", "trailers"),
    ]);
    let headers = head.unwrap().parts.headers;
    assert_eq!(headers.keys().collect::<Vec<_>>(), ["host"]);
}

#[test]
fn target_is_made_of_its_parts_if_the_front_server_does_not_have_it() {
    for (params, expected) in [
        (
            &[("SCRIPT_NAME", "/é"), ("PATH_INFO", "/a b?#%")][..],
            "/%C3%A9/a%20b%3F%23%25",
        ),
        (
            &[("PATH_INFO", "/x"), ("QUERY_STRING", "a=%20&b")],
            "/x?a=%20&b",
        ),
    ] {
        let none = ("REQUEST_URI", "");
        let head = request(&[&[none], params].concat()).unwrap();
        assert_eq!(head.parts.uri, expected);
    }
    assert_eq!(
        request(&[("REQUEST_URI", "")]).unwrap_err(),
        NoRequest::Target
    );
}

#[test]
fn host_is_that_of_the_request_or_else_of_the_front_server() {
    let host = |params: &[(&str, &str)]| {
        let usual = USUAL.iter().filter(|(name, _)| *name != "HTTP_HOST");
        let variables: Vec<_> = usual.chain(params).copied().collect();
        let read = read(&Environment::of(&variables), false, 10);
        let headers = read.unwrap().parts.headers;
        headers
            .get(HOST)
            .map(|host| host.to_str().unwrap().to_owned())
    };
    let server = ("SERVER_NAME", "b.test");
    for (params, expected) in [
        (&[][..], None),
        (&[("HTTP_HOST", "a.test:8"), server], Some("a.test:8")),
        (&[server, ("SERVER_PORT", "80")], Some("b.test")),
        (&[server, ("SERVER_PORT", "8080")], Some("b.test:8080")),
        (&[("SERVER_NAME", "b test")], None),
    ] {
        assert_eq!(host(params).as_deref(), expected, "{params:?}");
    }
}

#[test]
fn client_is_the_one_that_the_front_server_names() {
    let client = |params: &[(&str, &str)]| request(params).unwrap().client;
    let at = |text: &str| Some(text.parse().unwrap());
    let named = client(&[
        ("REMOTE_ADDR", "::ffff:192.0.2.7"),
        ("REMOTE_PORT", "4000"),
        ("SERVER_ADDR", "2001:db8::1"),
        ("SERVER_PORT", "443"),
        ("HTTPS", "on"),
    ]);
    assert_eq!(named.remote, at("192.0.2.7:4000"));
    assert_eq!(named.local, at("[2001:db8::1]:443"));
    assert!(named.https);
    let of_socket = client(&[("REMOTE_ADDR", "unix:"), ("HTTPS", "off")]);
    assert_eq!((of_socket.remote, of_socket.https), (None, false));
    assert!(client(&[("REQUEST_SCHEME", "https"), ("HTTPS", "")]).https);
}

#[test]
fn what_is_no_request_is_refused_as_with_http1() {
    for (param, refused) in [
        (("REQUEST_METHOD", ""), NoRequest::Method),
        (("REQUEST_METHOD", "G ET"), NoRequest::Method),
        (("REQUEST_URI", "/a b"), NoRequest::Target),
        (("HTTP_X", "a\nb"), NoRequest::Field),
        (("HTTP_", "a"), NoRequest::Field),
        (("HTTP_X:Y", "a"), NoRequest::Field),
    ] {
        assert_eq!(request(&[param]).unwrap_err(), refused, "{param:?}");
    }
    let long = format!("/{}", "x".repeat(TARGET_MAX));
    let refused = request(&[("REQUEST_URI", &long)]).unwrap_err();
    assert_eq!(refused.status(), StatusCode::URI_TOO_LONG);
}

#[test]
fn framing_is_checked_as_with_http1() {
    for (param, error) in [
        (("CONTENT_LENGTH", "5, 5"), FramingError::InvalidLength),
        (("CONTENT_LENGTH", "+5"), FramingError::InvalidLength),
        (
            ("CONTENT_LENGTH", "99999999999999999999"),
            FramingError::LengthTooLarge,
        ),
        (("REQUEST_URI", "/a#b"), FramingError::Fragment),
    ] {
        assert_eq!(request(&[param]).unwrap().framing, Err(error), "{param:?}");
    }
    let many: Vec<_> = (0..10).map(|number| format!("HTTP_X{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| (&name[..], "")).collect();
    let head = request(&many).unwrap();
    assert_eq!(head.framing, Err(FramingError::TooManyFields));
}

#[test]
fn body_of_unknown_length_is_told_from_none() {
    let variables = Environment::of(&USUAL);
    assert_eq!(read(&variables, false, 10).unwrap().length, Some(0));
    assert_eq!(read(&variables, true, 10).unwrap().length, None);
}
