//! An app whose `init` fails in a way that its config chooses.

#![forbid(unsafe_code)]

use stackup_plugin::{App, Context, Error, IntoResponse, Request, Result};

/// Its config.
#[stackup_plugin::config]
struct Config {
    /// `error`, `config`, `exit`, `abort` or `hang`; anything else succeeds.
    how: String,
    /// Places to name in an error.
    #[serde(default)]
    rooms: Vec<Room>,
    /// A secret, by its name; printed before it aborts.
    #[serde(default)]
    token: Option<String>,
}

/// Something with a depth.
#[stackup_plugin::config]
struct Room {
    /// How many doors it has. Only its schema says how many are too many.
    #[schemars(range(max = 9))]
    doors: u32,
}

struct BadInit;

impl App for BadInit {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        if let Some(shut) = config.rooms.iter().position(|room| room.doors == 0) {
            let path = format!("rooms[{shut}].doors");
            return Err(Error::config(path, "a room needs a door"));
        }
        match config.how.as_str() {
            "error" => Err(Error::msg("the cellar is flooded")),
            "config" => Err(Error::config("how", "not like this")),
            "exit" => std::process::exit(3),
            "abort" => {
                if let Some(token) = config.token {
                    eprintln!("no room for {token}");
                }
                std::process::abort()
            }
            "hang" => loop {
                std::thread::park();
            },
            _ => Ok(Self),
        }
    }

    async fn call(&self, _req: Request) -> Result {
        "built\n".into_response()
    }
}

stackup_plugin::export!(app BadInit);
