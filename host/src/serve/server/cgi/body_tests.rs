use super::*;

fn poll(reader: &mut RequestBody) -> Poll<Option<Result<Bytes, BodyError>>> {
    let mut cx = Context::from_waker(Waker::noop());
    let polled = Pin::new(reader).poll_frame(&mut cx);
    polled.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().unwrap())))
}

fn has_room(feed: &Feed) -> bool {
    feed.has_room(&Context::from_waker(Waker::noop()))
}

const HELLO: Bytes = Bytes::from_static(b"hello");
const END: Bytes = Bytes::new();

#[test]
fn body_of_known_length_ends_with_its_last_byte() {
    let (feed, mut reader) = body(Some(5));
    assert!(!reader.is_end_stream());
    assert_eq!(reader.size_hint().exact(), Some(5));
    assert_eq!(poll(&mut reader), Poll::Pending);
    feed.push(HELLO);
    assert_eq!(reader.size_hint().exact(), Some(5));
    assert_eq!(feed.rest(), Some(0));
    assert_eq!(poll(&mut reader), Poll::Ready(Some(Ok(HELLO))));
    assert!(reader.is_end_stream());
    drop(feed);
    assert_eq!(poll(&mut reader), Poll::Ready(None));
}

#[test]
fn body_of_unknown_length_ends_with_its_stream() {
    let (feed, mut reader) = body(None);
    feed.push(HELLO);
    assert_eq!(reader.size_hint().exact(), None);
    assert_eq!(feed.rest(), None);
    assert_eq!(poll(&mut reader), Poll::Ready(Some(Ok(HELLO))));
    assert_eq!(poll(&mut reader), Poll::Pending);
    feed.push(END);
    assert_eq!(feed.rest(), Some(0));
    assert!(reader.is_end_stream());
    assert_eq!(poll(&mut reader), Poll::Ready(None));
}

#[test]
fn body_of_another_length_fails() {
    for (length, error) in [(6, BodyError::TooShort), (4, BodyError::TooLong)] {
        let (feed, mut reader) = body(Some(length));
        feed.push(HELLO);
        feed.push(END);
        assert_eq!(feed.rest(), None);
        if length == 6 {
            assert_eq!(poll(&mut reader), Poll::Ready(Some(Ok(HELLO))));
        }
        assert_eq!(poll(&mut reader), Poll::Ready(Some(Err(error))));
        assert!(!reader.is_end_stream());
    }
}

#[test]
fn body_that_breaks_off_fails() {
    let (feed, mut reader) = body(None);
    feed.push(HELLO);
    drop(feed);
    assert_eq!(poll(&mut reader), Poll::Ready(Some(Ok(HELLO))));
    let given_up = Poll::Ready(Some(Err(BodyError::GivenUp)));
    assert_eq!(poll(&mut reader), given_up);
}

#[test]
fn feed_waits_for_the_reader_unless_there_is_none() {
    let (feed, mut reader) = body(None);
    let much = Bytes::from(vec![0; ROOM]);
    feed.push(much.clone());
    assert!(!has_room(&feed));
    assert!(poll(&mut reader).is_ready());
    assert!(has_room(&feed));
    feed.push(much.clone());
    drop(reader);
    assert!(has_room(&feed));
    feed.push(much);
    assert!(has_room(&feed), "it is thrown away");
}
