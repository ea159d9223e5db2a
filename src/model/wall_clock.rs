//! The wall clock, as numbers that grow are taken from it.

use std::time::{SystemTime, UNIX_EPOCH};

/// The seconds from 1970 to `time`: 0 before, and the highest number from the year 2106 on.
#[must_use]
pub fn unix_seconds(time: SystemTime) -> u32 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_far_off_gives_the_nearest_number() {
        assert_eq!(unix_seconds(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(unix_seconds(UNIX_EPOCH + Duration::from_millis(1_999)), 1);
        assert_eq!(unix_seconds(UNIX_EPOCH + Duration::from_secs(1 << 32)), u32::MAX);
    }
}
