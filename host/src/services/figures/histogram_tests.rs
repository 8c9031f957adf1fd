use proptest::prelude::*;

use super::*;

/// The bounds of a bucket: above the first, up to the second.
fn bounds(bucket: usize) -> (u64, u64) {
    let (doubling, within) = (bucket >> RESOLUTION, (bucket & 7) as u64);
    match doubling {
        0 => (within, within + 1),
        _ => {
            let width = 1 << (doubling - 1);
            ((8 + within) * width, (9 + within) * width)
        }
    }
}

fn counted(values: &[u64]) -> HistogramSnapshot {
    let mut all = HistogramSnapshot::default();
    for value in values {
        all.buckets[bucket(*value)] += 1;
        all.sum = all.sum.wrapping_add(*value);
    }
    all
}

fn merged(parts: &[&HistogramSnapshot]) -> HistogramSnapshot {
    let mut all = HistogramSnapshot::default();
    parts.iter().for_each(|part| all.merge(part));
    all
}

#[test]
fn value_beyond_the_largest_is_in_the_last_bucket() {
    for value in [1 << LARGEST, (1 << LARGEST) + 1, u64::MAX] {
        assert_eq!(bucket(value), BUCKETS - 1);
    }
    assert_eq!(bucket(0), 0);
}

proptest! {
    #[test]
    fn bucket_holds_its_value_within_an_eighth(value in 1u64..=1 << LARGEST, shift in 0u32..40) {
        let value = (value >> shift).max(1);
        let (least, most) = bounds(bucket(value));
        prop_assert!(least < value && value <= most, "{least} < {value} <= {most}");
        prop_assert!(value <= 8 || (most - least) * 8 <= least, "{least}..{most}");
    }

    #[test]
    fn count_to_a_power_is_exact(
        values in prop::collection::vec(0u64..1 << 36, 0..40),
        power in RESOLUTION..LARGEST,
    ) {
        let values: Vec<_> = values.into_iter().chain([1 << power, (1 << power) + 1]).collect();
        let exact = values.iter().filter(|value| **value <= 1 << power).count();
        let all = counted(&values);
        prop_assert_eq!(all.count_to(power), exact as u64);
        prop_assert_eq!(all.count(), values.len() as u64);
    }

    #[test]
    fn merge_is_associative_and_counts_all(
        a in prop::collection::vec(any::<u64>(), 0..20),
        b in prop::collection::vec(any::<u64>(), 0..20),
        c in prop::collection::vec(any::<u64>(), 0..20),
    ) {
        let all = counted(&[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (counted(&a), counted(&b), counted(&c));
        prop_assert_eq!(&merged(&[&merged(&[&a, &b]), &c]), &all);
        prop_assert_eq!(&merged(&[&a, &merged(&[&c, &b])]), &all);
    }
}
