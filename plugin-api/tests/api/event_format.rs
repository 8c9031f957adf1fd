use proptest::prelude::*;
use stackup_plugin::events::Event;

/// What a browser makes of a stream: type, data and last id of each event that it dispatches (HTML §9.2.6).
fn dispatched(stream: &str) -> Vec<(String, String, String)> {
    let (mut events, mut id) = (Vec::new(), String::new());
    let (mut name, mut data) = (String::new(), String::new());
    for line in stream.replace("\r\n", "\n").split(['\n', '\r']) {
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut name), std::mem::take(&mut data));
            if let Some(data) = data.strip_suffix('\n') {
                events.push((name, data.to_owned(), id.clone()));
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => data.extend([value, "\n"]),
            "id" if !value.contains('\0') => value.clone_into(&mut id),
            _ => {}
        }
    }
    events
}

#[test]
fn events_are_written_as_browsers_read_them() {
    let event = Event::data;
    // The event, what is sent, and the data, type and id that a page gets.
    let cases = [
        (event("one"), "data: one\n\n", "one", "", ""),
        (event(""), "data: \n\n", "", "", ""),
        (event(" two "), "data:  two \n\n", " two ", "", ""),
        (event("a\nb"), "data: a\ndata: b\n\n", "a\nb", "", ""),
        (
            event("a\r\nb\rc"),
            "data: a\ndata: b\ndata: c\n\n",
            "a\nb\nc",
            "",
            "",
        ),
        (event("end\n"), "data: end\ndata: \n\n", "end\n", "", ""),
        (event("\n\n"), "data: \ndata: \ndata: \n\n", "\n\n", "", ""),
        (
            event("a\n\rb"),
            "data: a\ndata: \ndata: b\n\n",
            "a\n\nb",
            "",
            "",
        ),
        (
            event("id: 9\n\ndata: x"),
            "data: id: 9\ndata: \ndata: data: x\n\n",
            "id: 9\n\ndata: x",
            "",
            "",
        ),
        (
            event(": ü\u{feff}\0"),
            "data: : ü\u{feff}\0\n\n",
            ": ü\u{feff}\0",
            "",
            "",
        ),
        (
            event("x").with_id(7).unwrap(),
            "id: 7\ndata: x\n\n",
            "x",
            "",
            "7",
        ),
        (
            event("x").with_id("").unwrap(),
            "id: \ndata: x\n\n",
            "x",
            "",
            "",
        ),
        (
            event("x").with_type("news").unwrap(),
            "event: news\ndata: x\n\n",
            "x",
            "news",
            "",
        ),
        (
            event("x")
                .with_type("a:b")
                .unwrap()
                .with_id(" é: 1")
                .unwrap(),
            "id:  é: 1\nevent: a:b\ndata: x\n\n",
            "x",
            "a:b",
            " é: 1",
        ),
        (
            Event::json(&["a\nb"]).unwrap(),
            "data: [\"a\\nb\"]\n\n",
            "[\"a\\nb\"]",
            "",
            "",
        ),
        ("text".into(), "data: text\n\n", "text", "", ""),
        ("text".to_owned().into(), "data: text\n\n", "text", "", ""),
    ];
    for (event, sent, data, name, id) in cases {
        assert_eq!(event.to_string(), sent);
        let got = dispatched(sent);
        assert_eq!(
            got,
            [(name.to_owned(), data.to_owned(), id.to_owned())],
            "{sent}"
        );
    }
}

#[test]
fn id_without_data_is_for_the_browser_alone() {
    let sent = format!("{}{}", Event::only_id(7).unwrap(), Event::data("x"));
    assert_eq!(sent, "id: 7\n\ndata: x\n\n");
    let got = dispatched(&sent);
    assert_eq!(got, [(String::new(), "x".to_owned(), "7".to_owned())]);
}

#[test]
fn id_and_type_are_one_line() {
    for bad in ["a\nb", "a\rb", "\n", "1\n\ndata: forged"] {
        for refused in [Event::data("").with_id(bad), Event::data("").with_type(bad)] {
            let message = refused.unwrap_err().to_string();
            assert!(message.contains("it is one line"), "{message}");
        }
    }
    let message = Event::data("").with_id("a\0").unwrap_err().to_string();
    assert!(message.contains("NUL"), "{message}");
}

proptest! {
    #[test]
    fn any_text_arrives_with_its_lines(data: String, id in "[^\n\r\0]*", name in "[^\n\r]*") {
        let event = Event::data(&data).with_id(&id).unwrap().with_type(&name).unwrap();
        let data = data.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(dispatched(&event.to_string()), [(name, data, id)]);
    }
}
