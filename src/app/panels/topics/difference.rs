//! How a payload differs from the one before it: member by member where both are JSON objects.

use serde_json::{Map, Value};

/// A payload with more members than this is shown as the text that it is.
const MOST_MEMBERS: usize = 64;

/// What became of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Same,
    /// It had another value.
    Was(String),
    /// It was not there.
    New,
    /// It is not there any more, and had this value.
    Gone(String),
}

/// One member of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name; members of members with dots, such as `need.turn` and `give.1.to`.
    pub(super) name: String,
    /// Its value; empty where it is gone.
    pub(super) value: String,
    pub(super) change: Change,
}

/// The members of `now`, and of `before` what is gone; `None` where `now` is no JSON object. With nothing
/// before it, or something else than an object, everything counts as the same.
pub(super) fn members(before: Option<&str>, now: &str) -> Option<Vec<Member>> {
    let now = flat(now)?;
    let before = before.and_then(flat);
    let mut members = Vec::new();
    for (name, value) in &now {
        let change = match before.as_ref().map(|before| find(before, name)) {
            None => Change::Same,
            Some(None) => Change::New,
            Some(Some(was)) if was == value => Change::Same,
            Some(Some(was)) => Change::Was(was.clone()),
        };
        members.push(Member { name: name.clone(), value: value.clone(), change });
    }
    for (name, was) in before.into_iter().flatten() {
        if find(&now, &name).is_none() {
            members.push(Member { name, value: String::new(), change: Change::Gone(was) });
        }
    }
    Some(members)
}

fn find<'a>(members: &'a [(String, String)], name: &str) -> Option<&'a String> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn flat(text: &str) -> Option<Vec<(String, String)>> {
    let Value::Object(object) = serde_json::from_str(text).ok()? else { return None };
    let mut members = Vec::new();
    flatten(&object, "", &mut members);
    (members.len() <= MOST_MEMBERS).then_some(members)
}

fn flatten(object: &Map<String, Value>, path: &str, members: &mut Vec<(String, String)>) {
    for (name, value) in object {
        let name = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Object(inner) if !inner.is_empty() => flatten(inner, &name, members),
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
                for (place, item) in items.iter().filter_map(Value::as_object).enumerate() {
                    flatten(item, &format!("{name}.{}", place + 1), members);
                }
            }
            Value::String(text) => members.push((name, text.clone())),
            other => members.push((name, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: Option<&str>, now: &str) -> Vec<(String, String, Change)> {
        members(before, now)
            .unwrap()
            .into_iter()
            .map(|member| (member.name, member.value, member.change))
            .collect()
    }

    #[test]
    fn members_are_told_as_changed_new_gone_or_the_same() {
        let before = r#"{"aspect":"red","seq":41,"lost":["b"],"need":{"turn":6}}"#;
        let now = r#"{"aspect":"red","seq":42,"give":[],"need":{"turn":7}}"#;
        let text = |text: &str| text.to_owned();
        assert_eq!(
            told(Some(before), now),
            [
                (text("aspect"), text("red"), Change::Same),
                (text("give"), text("[]"), Change::New),
                (text("need.turn"), text("7"), Change::Was(text("6"))),
                (text("seq"), text("42"), Change::Was(text("41"))),
                (text("lost"), text(""), Change::Gone(text("[\"b\"]"))),
            ]
        );
    }

    #[test]
    fn objects_in_a_list_are_told_member_by_member() {
        let before = r#"{"give":[{"to":"b","seq":9}]}"#;
        let now = r#"{"give":[{"to":"b","seq":10}]}"#;
        let changed: Vec<_> =
            told(Some(before), now).into_iter().filter(|(_, _, change)| *change != Change::Same).collect();
        assert_eq!(changed, [("give.1.seq".to_owned(), "10".to_owned(), Change::Was("9".to_owned()))]);
    }

    #[test]
    fn the_first_value_and_one_after_plain_text_have_nothing_to_differ_from() {
        for before in [None, Some("red"), Some("")] {
            assert_eq!(told(before, r#"{"a":1}"#), [("a".to_owned(), "1".to_owned(), Change::Same)]);
        }
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in ["", "GREEN", "[1]", "7", "{\"cut\":\"of", &"[".repeat(500)] {
            assert_eq!(members(Some("{}"), text), None, "{text}");
        }
    }
}
