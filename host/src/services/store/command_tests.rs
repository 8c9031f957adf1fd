//! With a store in memory.

use tokio::runtime::Handle;

use super::*;

fn hub() -> StoreHub {
    StoreHub::new(16 << 20, 0, Handle::current())
}

async fn store(hub: &StoreHub, namespace: &str, key: &[u8], value: &[u8]) {
    let ttl = None;
    let set = StoreRequest::Set { key, value, ttl };
    match hub.open(namespace).call(set) {
        StoreAnswer::Ready(reply) => drop(reply.unwrap()),
        StoreAnswer::Later(later) => drop(later.await.unwrap()),
    }
}

async fn run(hub: &StoreHub, command: StoreCommand) -> Result<String, String> {
    hub.command(command).await.map(|report| report.text)
}

fn get(namespace: &str, key: &str) -> StoreCommand {
    StoreCommand::Get {
        namespace: namespace.to_owned(),
        key: key.to_owned(),
    }
}

fn keys(namespace: &str) -> StoreCommand {
    StoreCommand::Keys {
        namespace: namespace.to_owned(),
        after: None,
    }
}

#[tokio::test]
async fn entries_are_listed_shown_and_deleted() {
    let hub = hub();
    let list = StoreCommand::Namespaces {};
    assert_eq!(run(&hub, list.clone()).await.unwrap(), "the store is empty");
    store(&hub, "sessions", b"a\n", b"\x00text").await;
    store(&hub, "sessions", b"b", b"").await;
    store(&hub, "hits", b"x", b"12").await;
    assert_eq!(
        run(&hub, list).await.unwrap(),
        "hits        1 entry  3 bytes\nsessions  2 entries  8 bytes"
    );
    assert_eq!(
        run(&hub, keys("sessions")).await.unwrap(),
        "a\\x0a  5 bytes\nb  0 bytes"
    );
    let found = hub.command(get("sessions", "a\\x0a")).await.unwrap();
    assert_eq!(found.text, "\\x00text");
    assert_eq!(found.value["bytes"], 5);
    let delete = StoreCommand::Delete {
        namespace: "hits".to_owned(),
        key: "x".to_owned(),
    };
    assert_eq!(
        run(&hub, delete.clone()).await.unwrap(),
        "deleted `x` of `hits`"
    );
    assert_eq!(
        run(&hub, delete).await.unwrap_err(),
        "no entry `x` in `hits`"
    );
    assert_eq!(
        run(&hub, get("hits", "x")).await.unwrap_err(),
        "no entry `x` in `hits`"
    );
    assert_eq!(
        run(&hub, keys("hits")).await.unwrap(),
        "no entries in `hits`"
    );
}

#[tokio::test]
async fn clear_removes_all_pages_of_one_namespace() {
    let hub = hub();
    for n in 0..2500u32 {
        store(&hub, "many", &n.to_be_bytes(), b"v").await;
    }
    store(&hub, "one", b"k", b"v").await;
    let listed = hub.command(keys("many")).await.unwrap();
    assert!(
        listed
            .text
            .ends_with("more follow: `--after '\\x00\\x00\\x03\\xe7'`")
    );
    let clear = |namespace: &str| StoreCommand::Clear {
        namespace: namespace.to_owned(),
    };
    assert_eq!(
        run(&hub, clear("many")).await.unwrap(),
        "deleted 2500 entries of `many`"
    );
    let list = run(&hub, StoreCommand::Namespaces {}).await.unwrap();
    assert_eq!(list, "one  1 entry  2 bytes");
}

#[tokio::test]
async fn wrong_names_are_refused() {
    let hub = hub();
    let why = run(&hub, get("No", "k")).await.unwrap_err();
    assert!(why.contains("\"No\" is not allowed"), "{why}");
    let why = run(&hub, get("n", "\\q")).await.unwrap_err();
    assert!(why.contains("for a backslash"), "{why}");
    let why = run(&hub, get("n", "")).await.unwrap_err();
    assert_eq!(why, "the key is empty");
}
