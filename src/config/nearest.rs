//! "Did you mean …?"

/// The one of `known` that `word` is most likely a slip of: at most two letters away (one for
/// short words), or the beginning of exactly one of them, as `lease` is of `lease_ms`.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let allowed = if word.chars().count() <= 4 { 1 } else { 2 };
    let close = known
        .iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= 4)
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, candidate)) = close {
        return Some(candidate);
    }
    let mut longer = known.iter().filter(|candidate| word.len() > 2 && candidate.starts_with(word));
    longer.next().filter(|_| longer.next().is_none()).copied()
}

/// Levenshtein's distance, not counting case; letters in a wrong order count as one slip.
fn distance(left: &str, right: &str) -> usize {
    let letters = |word: &str| word.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    let sorted = |word: &[char]| {
        let mut letters = word.to_vec();
        letters.sort_unstable();
        letters
    };
    let (left, right) = (letters(left), letters(right));
    if left != right && sorted(&left) == sorted(&right) {
        return 1;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, left) in left.into_iter().enumerate() {
        let mut diagonal = index;
        let mut last = index + 1;
        for (right, above) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = *above;
            last = replaced.min(last + 1).min(*above + 1);
            *above = last;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_levenshteins() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("Lease_MS", "lease_ms"), 0);
    }

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["lease_ms", "lost_after_ms", "port", "password"];
        assert_eq!(nearest("leese_ms", &known), Some("lease_ms"));
        assert_eq!(nearest("Prot", &known), Some("port"));
        assert_eq!(nearest("part", &known), Some("port"));
        assert_eq!(nearest("pair", &known), None, "two letters of four make another word");
        assert_eq!(nearest("prt", &known), Some("port"));
        assert_eq!(nearest("lost_after", &known), Some("lost_after_ms"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
