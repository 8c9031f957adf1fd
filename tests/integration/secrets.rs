//! Secrets in configs and requests appear in no output: log, terminal, error page, inspector, status.

use stackup_tests::{Host, Site, artifacts};

/// In every planted secret.
const CANARY: &str = "canary";

const VARIABLES: [(&str, &str); 2] = [
    ("SESSION_KEY", "canary-0123456789-0123456789-0123456789"),
    ("SITE", "canary.example"),
];

/// Each kind of secret: in a config, of a variable, by mark, by name, in a URL; and the password of the store.
const MANIFEST: &str = r#"
use = [
  "logger",
  { plugin = "session", config = { secrets = ["${SESSION_KEY}", "${SESSION_KEY}"], domain = "${SITE}" } },
  { plugin = "headers", config = { set = { x-api-key = "canary-header", x-link = "https://ann:canary@host/?token=canary" } } },
  { plugin = "stamp" },
]
run = "answers"

[store]
engine = "redis"
url = "redis+unix:///none/redis.sock?user=canary&pass=canary"

[[map]]
path = "/private"
use = [{ plugin = "basic-auth", config = { plain = { ann = "canary-plain" } } }]
run = "answers"
"#;

/// Requests with secrets; those to `/private` pass, others fail or panic in the app.
const REQUESTS: [&str; 5] = [
    "/?token=canary&access_token=canary&page=2",
    "/?fail=no&password=canary",
    "/?panic=oh&next=%2Freset%3Ftoken%3Dcanary",
    "/shop;jsessionid=canary/cart?api%5Fkey=canary",
    "/private?sig=canary",
];

/// Header lines with secrets. The credentials are `ann:canary-plain`.
const LINES: &str = "authorization: Basic YW5uOmNhbmFyeS1wbGFpbg==\r\n\
                     cookie: rack.session=canary; other=canary\r\n\
                     x-api-key: canary\r\n\
                     x-auth-token: canary\r\n\
                     proxy-authorization: Bearer canary\r\n\
                     referer: https://ann:canary@host/path?access_token=canary\r\n";

/// Configs that are refused, each with the line's other secrets and a message about it.
const REFUSED: [&str; 9] = [
    // The schema: a wrong type, an unknown key, a missing one.
    r#"{ plugin = "basic-auth", config = { plain = { ann = "canary" }, realm = 1 } }"#,
    r#"{ plugin = "basic-auth", config = { plain = { ann = "canary" }, relm = "x" } }"#,
    r#"{ plugin = "basic-auth", config = { plain = "canary" } }"#,
    // `init` and serde quote what they refuse.
    r#"{ plugin = "basic-auth", config = { users = { ann = "canary-is-no-hash" } } }"#,
    r#"{ plugin = "session", config = { secrets = ["canary"] } }"#,
    r#"{ plugin = "headers", config = { set = { authorization = "canary\u0001" } } }"#,
    r#"{ plugin = "headers", config = { set = { x-site = "${SITE}\u0001" } } }"#,
    // The parser.
    r#"{ plugin = "basic-auth", confg = {}, config = { plain = { ann = "canary" } } }"#,
    r#"{ plugin = "basic-auth", config = { plain = { ann = "canary" }, password = "canary${x-y}" "#,
];

/// Stores that are refused.
const REFUSED_STORES: [&str; 5] = [
    "[store]\nengine = \"redis\"\nurl = \"redis://:canary@host:port\"",
    "[stroe]\nengine = \"redis\"\nurl = \"redis://:canary@host\"",
    "[[store]]\nengine = \"redis\"\nurl = \"redis://:canary@host\"",
    "store = \"redis://:canary@host\"",
    "[store]\nengine = \"redis\"\nurl = \"redis://:canary@host",
];

/// What the test's own app logs of a request.
const OF_THE_APP: &str = "answers: GET /shop;jsessionid=canary/cart";

fn assert_clean(what: &str, text: &str) {
    let text = text.replace(OF_THE_APP, "").to_lowercase();
    for secret in [CANARY, "yw5uom"] {
        if let Some(at) = text.find(secret) {
            let (before, after) = (&text[..at], &text[at..]);
            let before: String = before.chars().rev().take(300).collect();
            let before: String = before.chars().rev().collect();
            let after: String = after.chars().take(100).collect();
            panic!("{what} shows a secret: {before}{after}");
        }
    }
}

async fn ask(host: &Host, target: &str, accept: &str) -> String {
    let mut connection = host.connect().await;
    let name = host.address();
    connection
        .send(format!(
            "GET {target} HTTP/1.1\r\nhost: {name}\r\naccept: {accept}\r\n{LINES}\r\n"
        ))
        .await;
    connection.response().await.text().to_owned()
}

#[tokio::test]
async fn secret_of_config_or_request_is_in_no_output() {
    let plugins = [
        "logger",
        "session",
        "headers",
        "stamp",
        "basic-auth",
        "answers",
        "bad-init",
    ];
    let site = Site::new(MANIFEST, &plugins);
    let arguments = ["-p", "0", "-o", "127.0.0.1"];
    let mut command = Host::command_for("dev", artifacts::stackup(), &site, &arguments);
    let mut host = Host::spawn(command.envs(VARIABLES));
    host.ready().await;

    // Requests, their error pages, and what the inspector has of them.
    for target in REQUESTS {
        for accept in ["text/html", "application/json", "text/plain"] {
            let page = ask(&host, target, accept).await;
            if target.contains("fail") || target.contains("panic") {
                assert!(page.contains("fail") || page.contains("panic"), "{page}");
                assert_clean("an error page", &page);
            }
        }
    }
    let get = async |path: &str| {
        let mut connection = host.connect().await;
        let name = host.address();
        connection
            .send(format!(
                "GET /_stackup/{path} HTTP/1.1\r\nhost: {name}\r\n\r\n"
            ))
            .await;
        connection.response().await.text().to_owned()
    };
    for number in 1..=3 * REQUESTS.len() {
        let trace = get(&format!("api/requests/{number}")).await;
        assert!(trace.contains("[hidden]"), "{trace}");
        assert_clean("a trace", &trace);
    }

    // The stack, and commands.
    let stack = get("api/stack").await;
    assert!(
        stack.contains("${SESSION_KEY}") && stack.contains("x-api-key"),
        "{stack}"
    );
    for arguments in [
        &["stack"][..],
        &["check"],
        &["status"],
        &["status", "--json"],
        &["history", "--json"],
        &["diff"],
        &["top", "--json", "--interval", "0.1"],
    ] {
        let output = site.stackup_with(arguments, &VARIABLES).await;
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert_clean(arguments[0], &output.stdout);
        assert_clean(arguments[0], &output.stderr);
    }
    let status = site.stackup_with(&["status"], &VARIABLES).await.stdout;
    assert!(status.contains("Redis at /none/redis.sock"), "{status}");
    let shown = site.stackup_with(&["stack"], &VARIABLES).await.stdout;
    for expected in [
        "\"${SITE}\"",
        "\"ann\":\"[hidden]\"",
        "https://[hidden]@host/?token=[hidden]",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }

    // Stacks that are refused, and one that another secret changes.
    for refused in REFUSED {
        site.manifest(&format!("use = [{refused}]\nrun = \"answers\"\n"));
        let reload = host.reload("refused").await;
        assert_clean(refused, &reload.to_string());
        let output = site.stackup_with(&["check"], &VARIABLES).await;
        assert_eq!(output.code, Some(1), "{refused}");
        assert_clean(refused, &output.stderr);
    }
    for store in REFUSED_STORES {
        site.manifest(&format!("run = \"answers\"\n{store}\n"));
        let reload = host.reload("refused").await;
        assert_clean(store, &reload.to_string());
        let output = site.stackup_with(&["check"], &VARIABLES).await;
        assert_eq!(output.code, Some(1), "{store}");
        assert_clean(store, &output.stderr);
    }
    // The last words of a probe.
    site.manifest(
        "run = { plugin = \"bad-init\", config = { how = \"abort\", token = \"canary\" } }\n",
    );
    let reload = host.reload("refused").await.to_string();
    assert!(reload.contains("no room for [hidden]"), "{reload}");
    assert_clean("a probe", &reload);
    site.manifest(&MANIFEST.replace("canary-plain", "canary-changed"));
    let swapped = host.reload("swapped").await;
    assert!(
        swapped.to_string().contains("basic-auth (config)"),
        "{swapped}"
    );

    for path in [
        "api/stack",
        "api/requests",
        "api/reloads",
        "api/log",
        "api/lint",
    ] {
        assert_clean(path, &get(path).await);
    }
    let log = host.log().to_string();
    assert!(
        log.contains("token=[hidden]") && log.contains("page=2"),
        "{log}"
    );
    assert_clean("the log", &log);
}
