//! Any text is a list of users whose hashes are cheap enough to check, or is refused with a line and a message that does not
//! repeat what may be a password.

#![no_main]

use libfuzzer_sys::fuzz_target;

// A plugin is a cdylib, which nothing can link: these are its own files.
#[allow(dead_code)]
#[path = "../../plugins/basic-auth/src/hash.rs"]
mod hash;
#[allow(dead_code)]
#[path = "../../plugins/basic-auth/src/mac.rs"]
mod mac;
#[allow(dead_code)]
#[path = "../../plugins/basic-auth/src/users.rs"]
mod users;

fuzz_target!(|text: &str| {
    match users::Users::parse(text) {
        Ok(users) => {
            let lines = text.lines().map(str::trim);
            for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let (name, text) = line.split_once(':').expect("it was accepted");
                assert!(!name.contains(char::is_control), "{name:?}");
                let hash = users.get(name).expect("each line is a user");
                assert_eq!(hash.text(), text);
                check_cost(text);
            }
        }
        Err(error) => {
            let (line, why) = error.strip_prefix("line ").and_then(|it| it.split_once(": ")).expect("a line");
            let line: usize = line.parse().expect("its number");
            assert!(line >= 1 && line <= text.lines().count());
            assert!(!why.contains(|c: char| c.is_control()), "{why:?}");
        }
    }
});

/// The bounds, read from the text in another way than the plugin does.
fn check_cost(hash: &str) {
    if let Some(bcrypt) = hash.strip_prefix("$2") {
        let cost = bcrypt.split('$').nth(1).and_then(|cost| cost.parse::<u32>().ok());
        assert!(cost.is_some_and(|cost| (4..=16).contains(&cost)), "{hash}");
        return;
    }
    let number = |key: &str| {
        let field = hash.split(['$', ',']).find_map(|field| field.strip_prefix(key))?;
        field.parse::<u64>().ok()
    };
    // A hash without them has the defaults of the argon2 crate, which are far below.
    let (memory, passes) = (number("m=").unwrap_or(0), number("t=").unwrap_or(0));
    assert!(memory <= 256 << 10 && memory * passes <= 1 << 20, "{hash}");
}
