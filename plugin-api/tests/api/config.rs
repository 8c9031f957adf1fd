use stackup_plugin::testing::{self, Json, json};
use stackup_plugin::{
    Context, Error, Middleware, Next, Request, Result, Secret, schemars, serde_json,
};

/// Settings of a lamp.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    /// How bright it is.
    bright: u8,
    rooms: std::collections::BTreeMap<String, Vec<Room>>,
}

#[stackup_plugin::config]
struct Room {
    name: String,
}

struct Lamp;

impl Middleware for Lamp {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        if config.bright > 100 {
            return Err(Error::config("bright", "no lamp is that bright"));
        }
        let names = config.rooms.values().flatten().map(|room| room.name.len());
        names
            .sum::<usize>()
            .checked_add(1)
            .map(|_| Self)
            .ok_or_else(|| Error::msg("too many"))
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        next.run(req).await
    }
}

fn refusal(config: Json) -> (String, String) {
    let error = testing::middleware::<Lamp>(config).err().unwrap();
    assert_eq!(error.handler(), "test");
    (error.place().to_owned(), error.message().to_owned())
}

#[test]
fn config_error_has_key_path_and_no_json_line() {
    let cases = [
        (json!({ "bright": 101 }), "bright", "no lamp is that bright"),
        (
            json!({ "bright": "x" }),
            "bright",
            "invalid type: string \"x\", expected u8",
        ),
        (
            json!({ "rooms": { "a b": [{ "name": "c" }, {}] } }),
            "rooms.a b[1]",
            "missing field `name`",
        ),
        (
            json!({ "dim": 1 }),
            "dim",
            "unknown field `dim`, expected `bright` or `rooms`",
        ),
    ];
    for (config, place, message) in cases {
        let refused = refusal(config.clone());
        assert_eq!(refused, (place.to_owned(), message.to_owned()), "{config}");
    }
    assert!(testing::middleware::<Lamp>(json!({})).is_ok());
}

#[test]
fn unit_config_rejects_keys() {
    let app = || async { "" };
    assert!(testing::app_fn(app).is_ok());
    struct None;
    impl stackup_plugin::App for None {
        type Config = ();
        fn init((): (), _cx: &Context) -> Result<Self> {
            Ok(Self)
        }
        async fn call(&self, _req: Request) -> Result {
            Err(Error::msg(""))
        }
    }
    assert!(testing::app::<None>(json!({})).is_ok());
    let error = testing::app::<None>(json!({ "a": 1 })).err().unwrap();
    assert_eq!(error.message(), "this handler takes no config");
}

#[test]
fn schema_contains_doc_comments() {
    let schema = schemars::schema_for!(Config).to_value();
    assert_eq!(schema["description"], "Settings of a lamp.");
    assert_eq!(
        schema["properties"]["bright"]["description"],
        "How bright it is."
    );
    assert_eq!(schema["additionalProperties"], false);
}

#[stackup_plugin::config]
#[derive(Debug)]
struct Login {
    password: Secret<String>,
    keys: Vec<Secret<String>>,
    pin: Option<Secret<u16>>,
    address: Secret<std::net::IpAddr>,
}

#[test]
fn secret_shows_itself_nowhere() {
    let schema = schemars::schema_for!(Login).to_value();
    for place in [
        "/properties/password",
        "/properties/keys/items",
        "/properties/pin",
    ] {
        let marked = schema.pointer(place).and_then(|part| part.get("writeOnly"));
        assert_eq!(marked, Some(&json!(true)), "{place}: {schema}");
    }
    let config = json!({ "password": "canary", "keys": ["canary"], "pin": 4711, "address": "::1" });
    let login: Login = serde_json::from_value(config.clone()).unwrap();
    assert_eq!(login.password.expose(), login.keys[0].expose());
    assert_eq!(login.pin.map(Secret::into_exposed), Some(4711));
    assert!(login.address.expose().is_loopback());
    let shown = format!("{login:?}");
    assert!(
        !shown.contains("canary") && !shown.contains("4711"),
        "{shown}"
    );
    assert!(shown.contains("[hidden]"), "{shown}");
    for (key, value) in [
        ("password", json!(["canary"])),
        ("pin", json!("canary")),
        ("keys", json!(["canary", {"canary": 1}])),
        ("address", json!("canary")),
    ] {
        let mut wrong = config.clone();
        wrong[key] = value;
        let error = serde_json::from_value::<Login>(wrong)
            .unwrap_err()
            .to_string();
        assert!(!error.contains("canary"), "{key}: {error}");
    }
}
