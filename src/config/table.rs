//! Reads members of TOML tables, each with its place, and notes what is wrong with them.
//!
//! Reading by hand instead of deriving costs a line for each member. What it gives: all problems
//! at once, each with its line and a remedy.

use std::{
    ops::{Range, RangeInclusive},
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use traffic_light::Name;

use super::{
    error::Problems,
    expand::{Environment, Expanded, expand},
    nearest::nearest,
};
use crate::model::Diagnostic;

/// The longest time that can be meant: a week.
const LONGEST_S: f64 = 604_800.0;

/// Warnings that are kept; nobody reads more.
const MOST_WARNINGS: usize = 20;

/// What a file is read with.
pub(crate) struct Reader<'a> {
    pub problems: Problems<'a>,
    pub(crate) warnings: Vec<Diagnostic>,
    env: Environment<'a>,
    /// Members of the file's top level, to tell of one that has slipped into a table.
    top: &'static [&'static str],
}

/// A table of the file.
#[derive(Clone, Debug)]
pub(crate) struct Table<'a> {
    /// Dotted, from the top.
    pub(crate) path: String,
    /// Bytes of its header.
    pub span: Range<usize>,
    members: &'a DeTable<'a>,
}

/// A member of a table.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    /// Dotted, from the top.
    pub(super) path: String,
    /// Bytes of its value, or of its name where the value is a table.
    pub(super) span: Range<usize>,
    value: &'a DeValue<'a>,
}

impl<'a> Table<'a> {
    /// The member `name`, where it is given.
    pub(crate) fn member(&self, name: &str) -> Option<Member<'a>> {
        self.members.get(name).map(|value| self.make(name, value))
    }

    /// The path of the member `name`, given or not.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn make(&self, name: &str, value: &'a Spanned<DeValue<'a>>) -> Member<'a> {
        Member { path: self.path_of(name), span: value.span(), value: value.get_ref() }
    }
}

/// Looks without judging, before the member is read.
impl<'a> Member<'a> {
    /// The member `name` of this one, where it is a table and has it.
    pub(super) fn within(&self, name: &str) -> Option<Member<'a>> {
        self.peek_table()?.member(name)
    }

    /// The tables of a list of them; others are left out.
    pub(super) fn peek_tables(&self) -> Vec<Table<'a>> {
        let items = self.value.as_array().map(|items| items.iter()).into_iter().flatten();
        let tables = items.filter_map(|item| match item.get_ref() {
            DeValue::Table(members) => Some(Table { path: self.path.clone(), span: item.span(), members }),
            _ => None,
        });
        tables.collect()
    }

    pub(super) fn peek_table(&self) -> Option<Table<'a>> {
        match self.value {
            DeValue::Table(members) => {
                Some(Table { path: self.path.clone(), span: self.span.clone(), members })
            }
            _ => None,
        }
    }

    /// How many items a list has.
    pub(super) fn peek_length(&self) -> Option<usize> {
        self.value.as_array().map(|items| items.len())
    }

    /// A whole number.
    pub(super) fn peek_number(&self) -> Option<u32> {
        match self.value {
            DeValue::Integer(written) => u32::from_str_radix(written.as_str(), written.radix()).ok(),
            _ => None,
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        problems: Problems<'a>,
        env: Environment<'a>,
        top: &'static [&'static str],
    ) -> Reader<'a> {
        Reader { problems, warnings: Vec::new(), env, top }
    }

    pub(crate) fn wrong(&mut self, member: &Member<'_>, diagnostic: impl Into<Diagnostic>) {
        self.problems.add(member.span.clone(), &member.path, diagnostic);
    }

    /// A member that `table` must have is not there.
    pub(crate) fn missing(&mut self, table: &Table<'_>, name: &str, help: impl Into<String>) {
        self.problems.add(table.span.clone(), &table.path_of(name), Diagnostic::new("it is missing", help));
    }

    pub(crate) fn warn(&mut self, member: &Member<'_>, diagnostic: impl Into<Diagnostic>) {
        if self.warnings.len() < MOST_WARNINGS {
            let span = member.span.clone();
            self.warnings.push(self.problems.describe(span, &member.path, diagnostic.into()));
        }
    }

    /// Warns that a secret stands in the file itself.
    pub(crate) fn secret_stands_here(&mut self, member: &Member<'_>, variable: &str) {
        let help = format!("write \"${{{variable}}}\" in its place and export {variable}=…");
        let message = "a secret stands in this file, which may end up in a repository";
        self.warn(member, (message, help));
    }

    /// The file's top level.
    pub(crate) fn top<'m>(&mut self, members: &'m DeTable<'m>) -> Table<'m> {
        let table = Table { path: String::new(), span: 0..0, members };
        self.refuse_unknown(&table, self.top);
        table
    }

    /// A table whose members are all in `known`.
    pub(crate) fn table<'m>(&mut self, member: &Member<'m>, known: &[&str]) -> Option<Table<'m>> {
        let DeValue::Table(members) = member.value else {
            self.wrong_type(member, "a table", &format!("write it as [{}]", member.path));
            return None;
        };
        let table = Table { path: member.path.clone(), span: member.span.clone(), members };
        self.refuse_unknown(&table, known);
        Some(table)
    }

    /// The tables of `[[name]]`; those that are none are noted and left out.
    pub(crate) fn tables<'m>(&mut self, member: &Member<'m>, known: &[&str]) -> Vec<Table<'m>> {
        let DeValue::Array(items) = member.value else {
            let help = format!("write [[{}]], in two brackets", member.path);
            self.wrong_type(member, "a list of tables", &help);
            return Vec::new();
        };
        items.iter().filter_map(|item| self.table(&item_of(member, item), known)).collect()
    }

    pub(crate) fn text<'m>(&mut self, member: &Member<'m>) -> Option<&'m str> {
        let text = member.value.as_str();
        if text.is_none() {
            self.wrong_type(member, "a text", "put it in quotes");
        }
        text
    }

    /// Whether a member is this text.
    pub(super) fn is_text(&self, member: &Member<'_>, text: &str) -> bool {
        member.value.as_str() == Some(text)
    }

    /// A text in which `${NAME}` stands for an environment variable; `random` says whether
    /// `${RANDOM}` has a meaning.
    pub(crate) fn expanded(&mut self, member: &Member<'_>, random: bool) -> Option<Expanded> {
        let text = self.text(member)?;
        expand(text, random, self.env).map_err(|error| self.wrong(member, error.diagnostic())).ok()
    }

    pub(crate) fn flag(&mut self, member: &Member<'_>) -> Option<bool> {
        let flag = member.value.as_bool();
        if flag.is_none() {
            self.wrong_type(member, "true or false", "write it without quotes");
        }
        flag
    }

    /// A whole number in `range`.
    pub(crate) fn number<N>(&mut self, member: &Member<'_>, range: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<u64> + PartialOrd + std::fmt::Display,
    {
        let DeValue::Integer(written) = member.value else {
            self.wrong_type(member, "a whole number", "write it without quotes");
            return None;
        };
        let number = u64::from_str_radix(written.as_str(), written.radix())
            .ok()
            .and_then(|number| N::try_from(number).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            let help = format!("give {} to {}", range.start(), range.end());
            self.wrong(member, (format!("{written} is out of range"), help));
        }
        number
    }

    /// A number in `range`, with or without a fraction.
    pub(super) fn real(&mut self, member: &Member<'_>, range: RangeInclusive<f64>) -> Option<f64> {
        let written = match member.value {
            DeValue::Integer(written) if written.radix() == 10 => written.as_str(),
            DeValue::Float(written) => written.as_str(),
            _ => {
                self.wrong_type(member, "a number", "write it without quotes");
                return None;
            }
        };
        let number = written.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let help = format!("give {} to {}", range.start(), range.end());
            self.wrong(member, (format!("{written} is out of range"), help));
        }
        number
    }

    /// A time in seconds, with or without a fraction.
    pub(crate) fn seconds(&mut self, member: &Member<'_>) -> Option<Duration> {
        let written = match member.value {
            DeValue::Integer(written) => {
                u32::from_str_radix(written.as_str(), written.radix()).map_or(f64::NAN, f64::from)
            }
            DeValue::Float(written) => written.as_str().parse().unwrap_or(f64::NAN),
            _ => {
                self.wrong_type(member, "a number of seconds", "write it without quotes");
                return None;
            }
        };
        let seconds =
            (0.0..=LONGEST_S).contains(&written).then(|| Duration::try_from_secs_f64(written).ok()).flatten();
        if seconds.is_none() {
            self.wrong(member, ("it is not a time", format!("give 0 to {LONGEST_S} seconds (a week)")));
        }
        seconds
    }

    /// One word of a few.
    pub(crate) fn choice<T: Copy>(&mut self, member: &Member<'_>, choices: &[(&str, T)]) -> Option<T> {
        let word = self.text(member)?;
        if let Some((_, choice)) = choices.iter().find(|(known, _)| *known == word) {
            return Some(*choice);
        }
        let words: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
        let list = listed(&words);
        let help = match nearest(word, &words) {
            Some(near) => format!("did you mean {near:?}? It may be {list}"),
            None => format!("it may be {list}"),
        };
        self.wrong(member, (format!("{word:?} is not known"), help));
        None
    }

    pub(crate) fn name(&mut self, member: &Member<'_>) -> Option<Name> {
        let text = self.text(member)?;
        Name::new(text)
            .map_err(|error| self.wrong(member, (format!("{text:?} is no name"), error.to_string())))
            .ok()
    }

    /// A list of names, each with its place; `None` where one of them is wrong.
    pub(crate) fn names<'m>(&mut self, member: &Member<'m>) -> Option<Vec<(Member<'m>, Name)>> {
        let DeValue::Array(items) = member.value else {
            self.wrong_type(member, "a list of names", "write it as [\"a\", \"b\"]");
            return None;
        };
        let items: Vec<_> = items.iter().map(|item| item_of(member, item)).collect();
        let names: Vec<_> = items.into_iter().map(|item| (self.name(&item), item)).collect();
        names.into_iter().map(|(name, item)| name.map(|name| (item, name))).collect()
    }

    /// A text, or a list of them that is not empty, each with its place; those that are none are noted and left out.
    pub(super) fn one_or_more_texts<'m>(&mut self, member: &Member<'m>) -> Vec<(Member<'m>, &'m str)> {
        let items: Vec<Member<'m>> = match member.value {
            DeValue::Array(items) => items.iter().map(|item| item_of(member, item)).collect(),
            _ => vec![member.clone()],
        };
        if items.is_empty() {
            self.wrong(member, ("there is nothing in it", "write at least one, or leave the member out"));
        }
        items.into_iter().filter_map(|item| self.text(&item).map(|text| (item, text))).collect()
    }

    fn wrong_type(&mut self, member: &Member<'_>, wanted: &str, help: &str) {
        let article = if member.value.is_array() || member.value.is_integer() { "an" } else { "a" };
        self.wrong(member, (format!("it is {article} {}, not {wanted}", member.value.type_str()), help));
    }

    fn refuse_unknown(&mut self, table: &Table<'_>, known: &[&str]) {
        for name in table.members.keys() {
            let (span, name) = (name.span(), name.get_ref().as_ref());
            if known.contains(&name) {
                continue;
            }
            let help = match nearest(name, known) {
                Some(near) => format!("did you mean {near}?"),
                None if self.top.contains(&name) => {
                    format!("move {name} to the top, above the first [table]")
                }
                None => format!("remove it, or use one of {}", known.join(", ")),
            };
            self.problems.add(span, &table.path_of(name), Diagnostic::new("it is not known here", help));
        }
    }
}

fn item_of<'a>(list: &Member<'a>, item: &'a Spanned<DeValue<'a>>) -> Member<'a> {
    Member { path: list.path.clone(), span: item.span(), value: item.get_ref() }
}

/// `"a", "b" or "c"`.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
