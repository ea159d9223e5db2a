//! "Did you mean …?"

use strsim::damerau_levenshtein;

/// The one of `known` that `word` is most likely a slip of: at most two letters away (one for
/// short words), or the beginning of exactly one of them, as `lease` is of `lease_ms`. Case does not
/// count, and two letters in a wrong order are one slip.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = word.to_lowercase();
    let allowed = if word.chars().count() <= 4 { 1 } else { 2 };
    let close = known
        .iter()
        .map(|candidate| (damerau_levenshtein(&word, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, candidate)) = close {
        return Some(candidate);
    }
    let mut longer = known.iter().filter(|candidate| word.len() > 2 && candidate.starts_with(&word));
    longer.next().filter(|_| longer.next().is_none()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["lease_ms", "lost_after_ms", "port", "password"];
        assert_eq!(nearest("leese_ms", &known), Some("lease_ms"));
        assert_eq!(nearest("Lease_MS", &known), Some("lease_ms"));
        assert_eq!(nearest("Prot", &known), Some("port"));
        assert_eq!(nearest("part", &known), Some("port"));
        assert_eq!(nearest("pair", &known), None, "two letters of four make another word");
        assert_eq!(nearest("prt", &known), Some("port"));
        assert_eq!(nearest("lost_after", &known), Some("lost_after_ms"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
