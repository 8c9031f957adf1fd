use std::time::{Duration, SystemTime};

use stackup_tests::http::Response;
use stackup_tests::{Host, Site, WallClock, artifacts};

/// How long ago the date of a response was.
fn age(response: &Response) -> Duration {
    let date = response.header("date").expect("a date");
    let date = httpdate::parse_http_date(date).expect("an HTTP date");
    SystemTime::now().duration_since(date).unwrap_or_default()
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn date_follows_a_clock_that_is_set_back() {
    let site = Site::new("run = \"hello\"\n", &["hello"]);
    let Some(clock) = WallClock::of(&site) else {
        return;
    };
    let arguments = ["-p", "0", "-o", "127.0.0.1"];
    let mut command = Host::command(artifacts::stackup(), &site, &arguments);
    clock.give_to(&mut command);
    let mut host = Host::spawn(&mut command);
    host.ready().await;
    assert!(age(&host.get("/").await) < HOUR);
    clock.set_back();
    let told = host.event("clock").await;
    assert!(told.message().contains("was set back by 3"), "{told}");
    assert!(age(&host.get("/").await) >= HOUR);
}
