use std::io::Write;
use std::process::{Command, Output, Stdio};

use stackup_tests::{Site, artifacts, within};

/// What every web server says.
const USUAL: [(&str, &str); 5] = [
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("REQUEST_METHOD", "GET"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("HTTP_HOST", "a.test"),
    ("REMOTE_ADDR", "192.0.2.7"),
];

fn site(plugin: &str) -> Site {
    Site::new(&format!("run = \"{plugin}\"\n"), &[plugin])
}

/// Runs `stackup cgi` with these arguments and variables. It gets `body`, and no end of it.
async fn run(site: &Site, arguments: &[&str], variables: &[(&str, &str)], body: &[u8]) -> Output {
    let mut command = Command::new(artifacts::stackup());
    command
        .arg("cgi")
        .args(arguments)
        .current_dir(site.path())
        .env_clear()
        .env("TMPDIR", site.runtime())
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("stackup starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let body = body.to_vec();
    // As a web server that writes all before it reads. The pipe stays open until the child has ended.
    let writes = std::thread::spawn(move || {
        let _ = stdin.write_all(&body);
        stdin
    });
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = within("the response", ended)
        .await
        .expect("the thread runs");
    drop(writes.join());
    output.expect("it has ended")
}

async fn request(site: &Site, variables: &[(&str, &str)], body: &[u8]) -> (String, String) {
    let variables = [&USUAL, variables].concat();
    let output = run(site, &["config.ru.toml"], &variables, body).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    (stdout, stderr)
}

#[tokio::test]
async fn environment_and_stdin_are_the_request_and_stdout_is_the_response() {
    let site = site("answers");
    let names = "env=REQUEST_METHOD&env=PATH_INFO&env=REMOTE_ADDR&env=REMOTE_USER&env=HTTP_X_A";
    let target = format!("/a/../b?{names}&header=x-b:2&print=not%20here");
    let variables = [
        ("REQUEST_METHOD", "POST"),
        ("REQUEST_URI", target.as_str()),
        ("HTTP_X_A", "1"),
        ("REMOTE_USER", "ada"),
        ("CONTENT_LENGTH", "5"),
    ];
    // Of what follows a body nothing is read.
    let (stdout, stderr) = request(&site, &variables, b"hello and more").await;
    let expected = "REQUEST_METHOD=POST\nPATH_INFO=/b\nREMOTE_ADDR=192.0.2.7\nREMOTE_USER=ada\nHTTP_X_A=1\nhello";
    let length = expected.len();
    let head = format!("Status: 200 OK\r\nx-b: 2\r\ncontent-length: {length}\r\n\r\n");
    assert_eq!(stdout, format!("{head}{expected}"));
    assert_eq!(stderr, "not here\n", "what plugins print, and no log");
    let (stdout, _) = request(
        &site,
        &[
            ("REQUEST_METHOD", "HEAD"),
            ("REQUEST_URI", "/?status=404&body=no"),
        ],
        b"",
    )
    .await;
    assert_eq!(stdout, "Status: 404 Not Found\r\ncontent-length: 2\r\n\r\n");
}

#[tokio::test]
async fn long_body_that_no_handler_reads_blocks_nobody() {
    let site = site("probe");
    let long = vec![b'x'; 1 << 20];
    let length = long.len().to_string();
    let variables = [
        ("REQUEST_METHOD", "POST"),
        ("REQUEST_URI", "/big?bytes=1000000"),
        ("CONTENT_LENGTH", length.as_str()),
    ];
    let (stdout, _) = request(&site, &variables, &long).await;
    assert!(stdout.len() > 1_000_000, "{} bytes", stdout.len());
    // One that a handler reads.
    let variables = [variables[0], ("REQUEST_URI", "/length"), variables[2]];
    let (stdout, _) = request(&site, &variables, &long).await;
    assert!(stdout.ends_with("\r\n\r\n1048576"), "{stdout}");
}

#[tokio::test]
async fn what_makes_no_response_is_a_page_on_stdout_and_its_reason_on_stderr() {
    let site = site("answers");
    let page = "content-type: text/plain; charset=utf-8\r\ncontent-length: ";
    let bad_target = [("REQUEST_URI", "/a b")];
    for (manifest, variables, status, length, reason) in [
        (
            "missing.toml",
            &[("REQUEST_URI", "/")],
            "500 Internal Server Error",
            26,
            "missing.toml",
        ),
        (
            "config.ru.toml",
            &bad_target,
            "400 Bad Request",
            16,
            "its target is invalid",
        ),
    ] {
        let variables = [&USUAL[..], variables].concat();
        let output = run(&site, &[manifest], &variables, b"").await;
        assert_eq!(output.status.code(), Some(1));
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = format!("Status: {status}\r\n{page}{length}\r\n\r\n{status}\n");
        assert_eq!(stdout, expected);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(reason), "{stderr}");
    }
    let output = run(&site, &["config.ru.toml"], &[], b"").await;
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(1), &b""[..])
    );
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("REQUEST_METHOD is not set"), "{stderr}");
}
