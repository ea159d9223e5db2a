//! Puts foreign lights into the text of a configuration and leaves all else as its author wrote it.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Config, Environment, ForeignLight};
use crate::model::{Diagnostic, LightId};

/// Stands above each table.
const COMMENT: &str = "# Somebody else's light.";
/// What a person is to do where the text cannot be changed.
const BY_HAND: &str = "add the table to the file yourself, and leave the light out of the junction's run";

/// `text`, a configuration, with these lights as `[[foreign]]` tables. Each takes the place of the one that its light had,
/// and of the light itself where `run` names it.
///
/// # Errors
/// When the changed text would not say that, or is no configuration that works.
pub(crate) fn with_foreign_lights(
    text: &str,
    lights: &[ForeignLight],
    env: Environment<'_>,
) -> Result<String, Diagnostic> {
    let mut changed = text.to_owned();
    for one in lights {
        let mut cuts = cuts(&changed, &one.light);
        cuts.sort_by_key(|cut| cut.start);
        for cut in cuts.into_iter().rev() {
            // The places came from this text.
            if changed.get(cut.clone()).is_some() {
                changed.replace_range(cut, "");
            }
        }
        let kept = changed.trim_end();
        let kept = kept.strip_suffix(COMMENT).unwrap_or(kept).trim_end();
        changed = format!("{kept}\n\n{COMMENT}\n{}", one.to_toml());
    }
    let config = Config::from_toml(&changed, "the new file", env).map_err(|error| {
        let problem = error.problems().first().map(|problem| problem.diagnostic.one_line());
        let why = problem.unwrap_or_default();
        Diagnostic::new(format!("the configuration cannot be changed by this program: {why}"), BY_HAND)
    })?;
    // In what order the words of different aspects stand makes no difference.
    let says = |one: &ForeignLight| {
        let junction = config.junction(&one.light.junction);
        let found = junction.and_then(|junction| junction.foreign(&one.light.light)).cloned();
        found.is_some_and(|foreign| {
            ForeignLight { light: one.light.clone(), foreign }.to_toml() == one.to_toml()
        })
    };
    if lights.iter().all(says) {
        Ok(changed)
    } else {
        Err(Diagnostic::new("the configuration cannot be changed by this program", BY_HAND))
    }
}

/// What has to go: the table that the light had, and its name in `run`.
fn cuts(text: &str, light: &LightId) -> Vec<Range<usize>> {
    let (document, _) = DeTable::parse_recoverable(text);
    let top = document.get_ref();
    let mut cuts = Vec::new();
    for table in tables(top, "foreign") {
        if let Some(place) = table.get("light").filter(|place| is(place.get_ref(), &light.to_string())) {
            cuts.extend(lines_of_table(text, place.span().start));
        }
    }
    for table in tables(top, "junction") {
        let named = table.get("name").is_some_and(|name| is(name.get_ref(), light.junction.as_str()));
        let run = table.get("run").filter(|_| named).and_then(|run| run.get_ref().as_array());
        for item in run.into_iter().flat_map(|items| items.iter()) {
            if is(item.get_ref(), light.light.as_str()) {
                cuts.push(item_of_list(text, item.span()));
            }
        }
    }
    cuts
}

fn tables<'t>(top: &'t DeTable<'t>, name: &str) -> impl Iterator<Item = &'t DeTable<'t>> {
    let items = top.get(name).and_then(|value| value.get_ref().as_array());
    items.into_iter().flat_map(|items| items.iter()).filter_map(|item| item.get_ref().as_table())
}

fn is(value: &DeValue<'_>, text: &str) -> bool {
    value.as_str() == Some(text)
}

/// From the header above `place` to the next one; what stands right before that belongs to it.
fn lines_of_table(text: &str, place: usize) -> Option<Range<usize>> {
    let before = text.get(..place)?;
    let start = before.rfind("[[")?;
    let rest = text.get(place..)?;
    let mut end = text.len();
    let mut offset = place;
    for line in rest.split_inclusive('\n') {
        if offset > place && line.trim_start().starts_with('[') {
            end = offset;
            break;
        }
        offset += line.len();
    }
    let mut lines = text.get(start..end)?;
    while let Some((head, last)) = lines.trim_end_matches('\n').rsplit_once('\n')
        && (last.trim().is_empty() || last.trim_start().starts_with('#'))
    {
        lines = text.get(start..=start + head.len())?;
    }
    Some(start..start + lines.len())
}

/// An item of a list with the comma behind it, or before it where it is the last.
fn item_of_list(text: &str, item: Range<usize>) -> Range<usize> {
    let after = text.get(item.end..).unwrap_or_default();
    let blanks = after.len() - after.trim_start().len();
    if let Some(rest) = after.trim_start().strip_prefix(',') {
        let more = rest.len() - rest.trim_start_matches(' ').len();
        return item.start..item.end + blanks + 1 + more;
    }
    let before = text.get(..item.start).unwrap_or_default().trim_end();
    before.strip_suffix(',').map_or(item.start, str::len)..item.end
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use traffic_light::{Foreign, Name, foreign::Words};

    use super::*;

    fn b() -> ForeignLight {
        let light = LightId::new(Name::new("lab").unwrap(), Name::new("b").unwrap());
        ForeignLight { light, foreign: Foreign::new("cars/x", "cars/y", Words::default()).unwrap() }
    }

    fn changed(text: &str) -> Result<String, Diagnostic> {
        with_foreign_lights(text, &[b()], &|_| None)
    }

    #[test]
    fn the_table_comes_to_the_end_and_the_rest_stays_as_it_was() {
        let text = "# Mine.\nseed = 7 # lucky\n[[junction]]\nname = \"lab\"\n";
        let with = changed(text).unwrap();
        assert!(with.starts_with(text.trim_end()), "{with}");
        assert!(with.ends_with(&b().to_toml()), "{with}");
        assert_eq!(changed(&with).unwrap(), with, "once is enough");
    }

    #[test]
    fn the_table_of_before_and_the_name_in_run_go_and_what_belongs_to_others_stays() {
        for (run, left) in [
            ("[\"a\", \"b\"]", "[\"a\"]"),
            ("[\"b\", \"a\"]", "[\"a\"]"),
            ("[\n  \"a\",\n  \"b\",\n]", "[\n  \"a\",\n  \n]"),
        ] {
            let text = format!("[[junction]]\nname = \"lab\"\nrun = {run}\n");
            let with = changed(&text).unwrap();
            assert!(with.contains(&format!("run = {left}\n")), "{with}");
        }
        let text = "[[junction]]\nname = \"lab\"\n\n[[foreign]]\nlight = \"lab/b\"\nsays = \"old/x\"\nhears = \"old/y\"\n\
                    words = { red = \"R\", green = \"G\" } # old\n\n# The broker is ours.\n[broker]\nport = 0\n";
        let with = changed(text).unwrap();
        assert!(!with.contains("old"), "{with}");
        assert!(with.contains("# The broker is ours.\n[broker]\nport = 0\n"), "{with}");
    }

    #[test]
    fn what_cannot_be_changed_is_said_with_what_to_do() {
        for text in [
            "[[junction]]\nname = \"demo\"\n",
            "[[junction]]\nname = \"lab\"\nlights = [\"a\", \"b\", \"c\"]\n",
            "foreign = []\n[[junction]]\nname = \"lab\"\n",
            "no TOML",
        ] {
            let error = changed(text).unwrap_err();
            assert!(error.help.as_deref().unwrap().starts_with("add the table"), "{error}");
        }
    }
}
