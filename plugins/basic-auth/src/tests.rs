use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use stackup_plugin::testing::{self, Answered, Json, Mounted, TestRequest, block_on, get, json};

use super::*;

fn mounted(config: Json) -> Mounted {
    testing::middleware::<BasicAuth>(config).unwrap()
}

fn bcrypt_of(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

fn argon2_of(password: &str) -> String {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2
        .hash_password(password.as_bytes())
        .unwrap()
        .to_string()
}

fn with(authorization: &str) -> TestRequest {
    get("/").header("authorization", authorization)
}

fn basic(credentials: &str) -> TestRequest {
    with(&format!("Basic {}", STANDARD.encode(credentials)))
}

async fn answer(middleware: &Mounted, request: TestRequest) -> Answered {
    let app = async |req: Request| {
        let user = req.env().get("REMOTE_USER").map(|name| name.into_owned());
        user.unwrap_or_default()
    };
    middleware.call(request, app).await.unwrap()
}

async fn status(middleware: &Mounted, request: TestRequest) -> u16 {
    answer(middleware, request).await.status().as_u16()
}

#[test]
fn valid_credentials_set_remote_user() {
    block_on(async {
        let users = json!({
            "ann": bcrypt_of("se:same"),
            "bob": argon2_of("sésame"),
        });
        let middleware = mounted(json!({ "users": users, "plain": { "eve": "" } }));
        for credentials in ["ann:se:same", "bob:sésame", "eve:"] {
            let name = credentials.split(':').next().unwrap();
            // The second time the password is remembered.
            for _ in 0..2 {
                let res = answer(&middleware, basic(credentials)).await;
                assert_eq!(res.finish().await.unwrap(), name);
            }
        }
        let unpadded = format!("bASIC  {}", STANDARD_NO_PAD.encode("ann:se:same"));
        assert_eq!(status(&middleware, with(&unpadded)).await, 200);
        for wrong in [
            "ann:se",
            "ann:",
            "bob:se:same",
            "eve:x",
            "Ann:se:same",
            "nobody:se:same",
            ":",
            ":se:same",
        ] {
            assert_eq!(status(&middleware, basic(wrong)).await, 401, "{wrong}");
        }
    });
}

/// RFC 7617 §2: the user-id may be empty, and so may the password.
#[test]
fn empty_name_is_a_user_like_any_other() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("htpasswd");
        std::fs::write(&file, format!(":{}\n", bcrypt_of("sesame"))).unwrap();
        for config in [
            json!({ "plain": { "": "sesame" } }),
            json!({ "users": { "": bcrypt_of("sesame") } }),
            json!({ "htpasswd": file }),
        ] {
            let middleware = mounted(config);
            assert_eq!(status(&middleware, basic(":sesame")).await, 200);
            for wrong in [":", ":x", "ann:sesame"] {
                assert_eq!(status(&middleware, basic(wrong)).await, 401, "{wrong}");
            }
        }
        let middleware = mounted(json!({ "plain": { "": "" } }));
        assert_eq!(status(&middleware, basic(":")).await, 200);
        // Without `:` it is still malformed.
        assert_eq!(status(&middleware, basic("")).await, 400);
    });
}

#[test]
fn missing_credentials_are_challenged() {
    block_on(async {
        let config = json!({ "realm": "a \"b\" \\", "plain": { "ann": "sesame" } });
        let middleware = mounted(config);
        for request in [get("/"), basic("ann:open"), basic("nobody:sesame")] {
            let res = answer(&middleware, request.env("REMOTE_USER", "ann")).await;
            assert_eq!(res.status(), 401);
            let challenge = r#"Basic realm="a \"b\" \\", charset="UTF-8""#;
            assert_eq!(res.header("www-authenticate"), Some(challenge));
            assert_eq!(res.finish().await.unwrap(), "");
        }
    });
}

#[test]
fn malformed_credentials_get_400() {
    block_on(async {
        let middleware = mounted(json!({ "plain": { "ann": "sesame" } }));
        let twice = basic("ann:sesame").header("authorization", "Basic x");
        let bytes = format!("Basic {}", STANDARD.encode(b"ann:\xff"));
        for request in [
            with(""),
            with("Basic"),
            with("Basic "),
            with("Basic $$$"),
            with("Bearer YW5uOnNlc2FtZQ=="),
            basic("ann"),
            basic("ann:ses\0ame"),
            basic("ann\r\n:sesame"),
            with(&bytes),
            twice,
        ] {
            assert_eq!(status(&middleware, request).await, 400);
        }
    });
}

#[test]
fn unknown_user_takes_as_long_as_a_known_one() {
    block_on(async {
        let hash = bcrypt::hash("sesame", 10).unwrap();
        let middleware = mounted(json!({ "users": { "ann": hash } }));
        let start = Instant::now();
        assert_eq!(status(&middleware, basic("nobody:sesame")).await, 401);
        // At least: a refusal without a hash takes some microseconds.
        assert!(
            start.elapsed() > Duration::from_millis(5),
            "{:?}",
            start.elapsed()
        );
    });
}

#[test]
fn changed_htpasswd_is_reloaded() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("htpasswd");
        let write = |text: String| std::fs::write(&file, text).unwrap();
        let ann = bcrypt_of("sesame");
        write(format!("# people\n\nann:{ann}\n"));
        let config = json!({ "htpasswd": file, "look_every": 0, "plain": { "eve": "mine" } });
        let middleware = mounted(config);
        assert_eq!(status(&middleware, basic("ann:sesame")).await, 200);
        assert_eq!(status(&middleware, basic("eve:mine")).await, 200);
        write(format!(
            "ann:{}\r\nbob:{}\neve:{ann}\n",
            bcrypt_of("new"),
            argon2_of("b")
        ));
        assert_eq!(status(&middleware, basic("ann:sesame")).await, 401);
        assert_eq!(status(&middleware, basic("ann:new")).await, 200);
        assert_eq!(status(&middleware, basic("bob:b")).await, 200);
        assert_eq!(
            status(&middleware, basic("eve:mine")).await,
            200,
            "the manifest's"
        );
        write("ann:oops".to_owned());
        let log = testing::log();
        assert_eq!(status(&middleware, basic("ann:new")).await, 200);
        let line = log.lines()[0].to_string();
        assert!(
            line.contains("stay as they were") && !line.contains("oops"),
            "{line}"
        );
        std::fs::remove_file(&file).unwrap();
        assert_eq!(status(&middleware, basic("ann:new")).await, 200);
        write(String::new());
        assert_eq!(status(&middleware, basic("ann:new")).await, 401);
    });
}

#[test]
fn error_points_at_the_key() {
    let error = |config: Json| testing::middleware::<BasicAuth>(config).err().unwrap();
    assert!(error(json!({})).message().starts_with("no users"));
    let bad = error(json!({ "users": { "ann": "sesame" } }));
    assert_eq!(bad.place(), "users.ann");
    assert!(!bad.message().contains("sesame"));
    for hash in [
        "$argon2id$v=19$m=8",
        "$argon2nd$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "$argon2id$v=18$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=9,m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=1,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "$2y$10$short",
        "$2y$99$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        "{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=",
    ] {
        assert_eq!(
            error(json!({ "users": { "ann": hash } })).place(),
            "users.ann",
            "{hash}"
        );
    }
    assert_eq!(
        error(json!({ "plain": { "a:b": "" } })).place(),
        "plain.a:b"
    );
    let twice = json!({ "users": { "ann": bcrypt_of("x") }, "plain": { "ann": "x" } });
    assert_eq!(error(twice).place(), "plain.ann");
    let realm = json!({ "realm": "a\nb", "plain": { "a": "" } });
    assert_eq!(error(realm).place(), "realm");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("htpasswd");
    assert_eq!(error(json!({ "htpasswd": file })).place(), "htpasswd");
    std::fs::write(&file, "# x\nann:{SHA}x\n").unwrap();
    let line = error(json!({ "htpasswd": file }));
    assert!(line.message().contains("line 2: neither"), "{line:?}");
}

#[test]
fn hash_that_takes_too_long_or_too_much_memory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("htpasswd");
    let error = |hash: &str| {
        std::fs::write(&file, format!("# people\nann:{hash}\n")).unwrap();
        let refused = testing::middleware::<BasicAuth>(json!({ "htpasswd": file })).err();
        refused.map(|error| error.message().to_owned())
    };
    let argon2 = |costs: &str| {
        error(&format!(
            "$argon2id$v=19${costs},p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"
        ))
    };
    let bcrypt = |cost: u32| {
        error(&format!(
            "$2y${cost:02}$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
        ))
    };
    // RFC 9106 §4, OWASP's, and the bounds themselves.
    for costs in ["m=65536,t=3", "m=19456,t=2", "m=262144,t=4", "m=8,t=131072"] {
        assert_eq!(argon2(costs), None, "{costs}");
    }
    for (costs, reason) in [
        (
            "m=262145,t=1",
            "line 2: this argon2 hash takes more than 256 MiB of memory",
        ),
        (
            "m=4294967295,t=1",
            "line 2: this argon2 hash takes more than 256 MiB",
        ),
        ("m=262144,t=5", "line 2: this argon2 hash takes too long"),
        (
            "m=8,t=4294967295",
            "line 2: this argon2 hash takes too long",
        ),
    ] {
        let message = argon2(costs).unwrap();
        assert!(message.contains(reason), "{message}");
    }
    assert_eq!((bcrypt(4), bcrypt(16)), (None, None));
    for cost in [3, 17, 31] {
        let message = bcrypt(cost).unwrap();
        let reason = "line 2: the cost of this bcrypt hash is not between 4 and 16";
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn htpasswd_that_others_can_change_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("htpasswd");
    std::fs::write(&file, format!("ann:{}\n", bcrypt_of("sesame"))).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let read = |trust: checked_file::Trust| {
        let every = Duration::from_secs(1);
        let read =
            htpasswd::Htpasswd::new(users::Users::default(), Some(file.clone()), trust, every);
        read.err()
    };
    let message = read(checked_file::Trust::Owner).unwrap();
    let reason = "is world-writable (mode 0666): run `chmod o-w";
    assert!(message.contains(reason), "{message}");
    assert!(message.ends_with("or set `trust = \"any\"`"), "{message}");
    assert_eq!(read(checked_file::Trust::Any), None);
}

#[test]
fn htpasswd_is_a_regular_file_of_bounded_size() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("htpasswd");
    let error = |file: &std::path::Path| {
        let error = testing::middleware::<BasicAuth>(json!({ "htpasswd": file })).err();
        error.unwrap().message().to_owned()
    };
    let message = error(directory.path());
    assert!(
        message.contains("it is a directory, not a regular file"),
        "{message}"
    );
    assert!(error("/dev/zero".as_ref()).contains("it is a device"));
    std::fs::write(&file, vec![b'#'; (8 << 20) + 1]).unwrap();
    let message = error(&file);
    assert!(message.contains("it is larger than 8 MiB"), "{message}");
}

#[test]
fn unchecked_password_is_no_wrong_one() {
    let answer = |status| {
        let res = later(status).unwrap();
        (
            res.status().as_u16(),
            res.headers()
                .get("retry-after")
                .map(|it| it.as_bytes().to_vec()),
        )
    };
    let soon = Some(b"1".to_vec());
    assert_eq!(answer(StatusCode::TOO_MANY_REQUESTS), (429, soon.clone()));
    assert_eq!(answer(StatusCode::SERVICE_UNAVAILABLE), (503, soon));
}
