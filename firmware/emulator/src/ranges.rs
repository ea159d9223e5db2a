//! Which parts of the flash were touched.

use std::ops::Range;

/// A set of byte addresses, as sorted ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<Range<u32>>);

impl Ranges {
    /// Adds `range`.
    pub(crate) fn add(&mut self, mut range: Range<u32>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|old| old.end < range.start);
        let to = self.0.partition_point(|old| old.start <= range.end);
        if let Some(first) = self.0.get(from..to).and_then(<[_]>::first) {
            range.start = range.start.min(first.start);
        }
        if let Some(last) = self.0.get(from..to).and_then(<[_]>::last) {
            range.end = range.end.max(last.end);
        }
        self.0.splice(from..to, [range]);
    }

    /// The ranges, in rising order.
    #[must_use]
    pub fn as_slice(&self) -> &[Range<u32>] {
        &self.0
    }

    /// Whether any address of `range` is in the set.
    #[must_use]
    pub fn touch(&self, range: &Range<u32>) -> bool {
        self.0.iter().any(|mine| mine.start < range.end && range.start < mine.end)
    }

    /// Whether nothing was ever added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes the set holds.
    #[must_use]
    pub fn bytes(&self) -> u32 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_meet_become_one() {
        let mut ranges = Ranges::default();
        for range in [10..20, 40..50, 20..30, 0..5, 28..41, 7..7] {
            ranges.add(range);
        }
        assert_eq!(ranges.as_slice(), [0..5, 10..50]);
        assert_eq!(ranges.bytes(), 45);
        assert!(ranges.touch(&(49..60)) && !ranges.touch(&(50..60)) && !ranges.touch(&(5..10)));
    }
}
