//! The arithmetic of histograms: eight buckets for each doubling, so each is at most an eighth as wide as what it counts.

/// How many buckets a doubling has, as a power of two.
const RESOLUTION: u32 = 3;

/// Values from 2 to this power on are in the last bucket: 2⁴⁰ ns are 18 minutes.
const LARGEST: u32 = 40;

/// The number of buckets.
pub(super) const BUCKETS: usize = bucket_below(LARGEST);

/// What a histogram has counted, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HistogramSnapshot {
    /// The count of each bucket.
    pub(super) buckets: Vec<u64>,
    /// The sum of all values.
    pub(super) sum: u64,
}

impl Default for HistogramSnapshot {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            sum: 0,
        }
    }
}

impl HistogramSnapshot {
    /// Adds what another one has counted.
    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = mine.wrapping_add(*count);
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The number of values.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, n| sum.wrapping_add(*n))
    }

    /// How many values are at most 2 to this power.
    pub(super) fn count_to(&self, power: u32) -> u64 {
        let below = self.buckets.iter().take(bucket_below(power));
        below.fold(0, |sum, n| sum.wrapping_add(*n))
    }
}

/// The bucket of a value. It has the values above its lower bound, up to its upper bound: so a power of two is the last
/// value of one.
#[inline]
pub(super) fn bucket(nanoseconds: u64) -> usize {
    let value = nanoseconds.saturating_sub(1).min((1 << LARGEST) - 1);
    let power = (value | 1).ilog2();
    if power < RESOLUTION {
        return value as usize;
    }
    // Below 2⁴⁰, so the casts lose nothing.
    let within = (value >> (power - RESOLUTION)) as usize - (1 << RESOLUTION);
    bucket_below(power) + within
}

/// The number of buckets for values up to 2 to this power, which is at least the resolution.
const fn bucket_below(power: u32) -> usize {
    ((power - RESOLUTION + 1) as usize) << RESOLUTION
}

#[cfg(test)]
#[path = "histogram_tests.rs"]
mod tests;
