use super::super::header_change::{HeaderChange, Mark};
use super::super::request::test_support::request;
use super::*;

fn header(name: &str, mark: Mark) -> HeaderChange {
    HeaderChange {
        name: name.to_owned(),
        mark,
        before: Vec::new(),
        after: Vec::new(),
    }
}

fn differing(target: &str, headers: Vec<HeaderChange>, body: Option<BodyChange>) -> Differing {
    let difference = Difference {
        outcome: None,
        headers,
        body,
    };
    Differing::new(&request("GET", target, &[]), difference)
}

fn lines(removed: usize, added: usize) -> Option<BodyChange> {
    let diff = String::new();
    Some(BodyChange::Lines {
        removed,
        added,
        diff,
    })
}

fn line(report: &Report) -> String {
    let all: Vec<_> = report.differing.iter().map(ToString::to_string).collect();
    report.text(&all, false)
}

#[test]
fn report_takes_one_line() {
    let mut report = Report::new(1, 2, 5);
    report.add(Some(differing(
        "/env?token=abc",
        vec![header("x-a", Mark::Added)],
        None,
    )));
    assert_eq!(
        line(&report),
        "1 of 1 answers differs (4 not compared, for lack of time): GET /env?token=[hidden] header x-a +"
    );
    report.add(Some(differing("/", vec![], lines(1, 1))));
    let both = vec![header("x-a", Mark::Removed), header("x-b", Mark::Changed)];
    report.add(Some(differing("/a", both, lines(0, 2))));
    report.add(None);
    report.add(Some(differing("/b", vec![], lines(3, 0))));
    assert_eq!(
        line(&report),
        "4 of 5 answers differ: GET /env?token=[hidden] header x-a +, GET / body −1 +1 line, \
         GET /a headers x-a − x-b ~ and body +2 lines and 1 more"
    );
}

#[test]
fn other_outcome_is_named() {
    let difference = Difference {
        outcome: Some(("200".to_owned(), "no answer within 2s".to_owned())),
        headers: Vec::new(),
        body: None,
    };
    let request = request("HEAD", "/a", &[]);
    let text = Differing::new(&request, difference).to_string();
    assert_eq!(text, "HEAD /a 200 → no answer within 2s");
}
