//! How many file descriptors the lights take.

use crate::world::broker::OwnClients;

/// For each light: its socket, the broker's end, and the proxy's three between them.
const PER_LIGHT: u64 = 2;
const PER_PROXY: u64 = 3;

/// What the lights take. While all connect anew, some old connections have not ended yet.
pub(super) fn of_lights(lights: usize, proxied: bool) -> u64 {
    let each = PER_LIGHT + if proxied { PER_PROXY } else { 0 };
    let at_rest = each * u64::try_from(lights).unwrap_or(u64::MAX / 16);
    at_rest + at_rest / 8
}

/// What the embedded broker has to keep free for the lights.
pub(super) fn own_clients(lights: usize, proxied: bool) -> OwnClients {
    let files = usize::try_from(of_lights(lights, proxied)).unwrap_or(usize::MAX);
    OwnClients { clients: lights, files: files.saturating_sub(lights) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_light_takes_both_ends_and_a_proxy_three_more() {
        assert_eq!((of_lights(800, false), of_lights(800, true)), (1_800, 4_500));
        assert_eq!(own_clients(800, true), OwnClients { clients: 800, files: 3_700 });
        // Within the limit of 20,000 that many systems have.
        assert!(of_lights(8_000, false) < 19_000 && of_lights(4_096, true) > 20_000);
    }
}
