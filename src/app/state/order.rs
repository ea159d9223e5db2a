//! The order of junctions on the screen: `p-2` before `p-10`, as people count.

use std::cmp::Ordering;

use traffic_light::Name;

/// Compares the text before a number at the end, then the number, then, for a total order, all.
pub(super) fn by_number(one: &Name, other: &Name) -> Ordering {
    key(one).cmp(&key(other))
}

/// What stands before the digits, how many digits count, the digits, and the whole.
fn key(name: &Name) -> (&str, usize, &str, &str) {
    let whole = name.as_str();
    let text = whole.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let digits = whole[text.len()..].trim_start_matches('0');
    (text, digits.len(), digits, whole)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn people_count_two_before_ten() {
        let mut names: Vec<Name> =
            ["p-10", "p-2", "demo", "p-1", "p-02"].map(|name| Name::new(name).unwrap()).into();
        names.sort_by(by_number);
        let names: Vec<_> = names.iter().map(Name::as_str).collect();
        assert_eq!(names, ["demo", "p-1", "p-02", "p-2", "p-10"]);
    }
}
