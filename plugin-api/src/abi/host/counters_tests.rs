use std::thread;

use super::super::series::{MOST, Wanted};
use super::*;

/// What `owner` asks for.
fn wanted<'a>(
    owner: usize,
    handler: &'a str,
    name: &'a str,
    labels: &[(&'a str, &'a str)],
) -> Wanted<'a> {
    Wanted {
        owner,
        handler,
        name,
        help: "",
        labels: labels.to_vec(),
    }
}

fn ask(counters: &Counters, wanted: &Wanted<'_>) -> Result<Arc<Counter>, String> {
    let new = || Counter::new(wanted.help, wanted.owner);
    counters.counters.open(wanted, |_| true, new)
}

fn open(counters: &Counters, owner: usize, name: &str, labels: &[(&str, &str)]) -> Arc<Counter> {
    ask(counters, &wanted(owner, "h", name, labels)).unwrap()
}

fn refused(name: &str, labels: &[(&str, &str)]) -> String {
    let opened = ask(&Counters::default(), &wanted(0, "h", name, labels));
    opened.map(drop).unwrap_err()
}

#[test]
fn instance_goes_on_with_the_counts_of_the_one_it_replaces() {
    let counters = Counters::default();
    let old = open(&counters, 1, "n", &[("a", "1"), ("b", "2")]);
    old.add(3);
    let new = open(&counters, 2, "n", &[("b", "2"), ("a", "1")]);
    new.add(4);
    old.add(1);
    assert_eq!(new.read(), 8);
    let other = open(&counters, 2, "n", &[("a", "1")]);
    assert_eq!(other.read(), 0);
    let elsewhere = ask(
        &counters,
        &wanted(2, "other", "n", &[("a", "1"), ("b", "2")]),
    );
    assert_eq!(elsewhere.unwrap().read(), 0);
    drop((old, new));
    let names = |counters: &Counters| counters.values().into_iter().map(|one| one.labels.len());
    assert_eq!(names(&counters).collect::<Vec<_>>(), [1]);
    // Nobody counted in between.
    let again = open(&counters, 3, "n", &[("a", "1"), ("b", "2")]);
    assert_eq!(again.read(), 0);
}

#[test]
fn no_count_of_many_threads_is_lost() {
    let counters = Counters::default();
    let counter = open(&counters, 1, "n", &[]);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| (0..1000).for_each(|_| counter.add(2)));
        }
    });
    assert_eq!(counters.values()[0].value, 100_000);
}

#[test]
fn instance_has_at_most_so_many_counters() {
    let counters = Counters::default();
    let value = |n: usize| n.to_string();
    let many = |owner| -> Vec<_> {
        (0..MOST)
            .map(|n| open(&counters, owner, "n", &[("of", &value(n))]))
            .collect()
    };
    let old = many(1);
    let more = ask(&counters, &wanted(1, "h", "more", &[]));
    let why = more.map(drop).unwrap_err();
    assert!(why.starts_with("the counter `more` is one too many: a handler has at most 2048"));
    // Those that it has are no more if it asks again.
    open(&counters, 1, "n", &[("of", "0")]);
    // Its successor has other labels, and as many.
    let new: Vec<_> = (0..MOST)
        .map(|n| open(&counters, 2, "n", &[("of", &value(MOST + n))]))
        .collect();
    assert!(ask(&counters, &wanted(2, "h", "more", &[])).is_err());
    drop(old);
    assert_eq!(counters.values().len(), new.len());
}

#[test]
fn names_and_labels_are_checked() {
    for name in ["", "A", "1a", "_a", "a-b", "a b", &"a".repeat(65)] {
        assert!(
            refused(name, &[]).contains("is no name of a counter"),
            "{name}"
        );
        assert!(
            refused("n", &[(name, "v")]).contains("is no name of a label"),
            "{name}"
        );
    }
    assert!(refused("n", &[("a", "1"), ("a", "2")]).contains("two labels `a`"));
    assert!(refused("n", &[("a", &"v".repeat(129))]).contains("longer than 128 bytes"));
    let names: Vec<_> = (0..9).map(|n| format!("l{n}")).collect();
    let labels: Vec<_> = names.iter().map(|name| (&**name, "v")).collect();
    assert!(refused("n", &labels).contains("more than 8 labels"));
    let long = "h".repeat(513);
    let wanted = Wanted {
        help: &long,
        ..wanted(0, "h", "n", &[])
    };
    let opened = ask(&Counters::default(), &wanted);
    assert!(opened.map(drop).unwrap_err().contains("the help"));
    open(
        &Counters::default(),
        0,
        &"a".repeat(64),
        &[("a", &"v".repeat(128))],
    );
}

#[test]
fn gauge_of_many_threads_balances() {
    let counters = Counters::default();
    let gauge = |owner| {
        let new = || Gauge::new("", owner);
        counters
            .gauges
            .open(&wanted(owner, "h", "n", &[]), |_| true, new)
    };
    let (old, new) = (gauge(1).unwrap(), gauge(2).unwrap());
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| (0..1000).for_each(|_| old.add(2.5)));
            scope.spawn(|| (0..1000).for_each(|_| new.add(-2.0)));
        }
    });
    assert_eq!(counters.gauges()[0].value, 10_000.0);
    new.set(-0.5);
    assert_eq!(counters.gauges()[0].value, -0.5);
}

#[test]
fn histogram_counts_up_to_its_bounds_and_begins_anew_with_others() {
    let counters = Counters::default();
    let histogram = |bounds: &'static [f64]| {
        let fits = |known: &Histogram| *known.bounds == *bounds;
        let new = || Histogram::new("", bounds, 1);
        counters
            .histograms
            .open(&wanted(1, "h", "n", &[]), fits, new)
            .unwrap()
    };
    let first = histogram(&[1.0, 2.5]);
    thread::scope(|scope| {
        for _ in 0..20 {
            let same = histogram(&[1.0, 2.5]);
            scope.spawn(move || [0.5, 1.0, 1.5, 2.5, 3.0].map(|value| same.observe(value)));
        }
    });
    let read = &counters.histograms()[0];
    assert_eq!(read.value.buckets, [(1.0, 40), (2.5, 80)]);
    assert_eq!((read.value.count, read.value.sum), (100, 170.0));
    let other = histogram(&[1.0]);
    first.observe(0.0);
    other.observe(0.0);
    let all = counters.histograms();
    assert_eq!((all.len(), all[0].value.count), (1, 1));
}

/// `cargo test --release -p stackup-plugin --all-features --lib -- --ignored --nocapture time_of_an_increment`
#[test]
#[ignore = "a measurement"]
fn time_of_an_increment() {
    const ROUNDS: u32 = 20_000_000;
    let counters = Counters::default();
    let counter = || {
        let data = Arc::into_raw(open(&counters, 1, "n", &[])).cast();
        // As a plugin has it: each increment is a call through the table.
        // SAFETY: as in `open` of the table.
        unsafe { RawCounter::new(data, &TABLE) }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, cores] {
        let begun = std::time::Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                let counter = counter();
                scope.spawn(move || (0..ROUNDS).for_each(|_| counter.add(1)));
            }
        });
        println!(
            "{threads} threads: {:?} for an increment",
            begun.elapsed() / ROUNDS
        );
    }
}
