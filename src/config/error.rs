//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;

/// Problems that are kept; the rest are counted. A file that is no configuration at all would
/// otherwise fill the screen.
const MOST_KEPT: usize = 20;

/// Why a configuration cannot be used: one line for each problem, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    problems: Vec<Problem>,
    left_out: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file; `None` where it is about the file as a whole.
    pub place: Option<Place>,
    /// The member as a dotted path, such as `timing.lease_ms`; empty where there is none.
    pub member: String,
    /// What is wrong, and what to do.
    pub text: String,
}

/// A place in a text file. Both count from 1; a column is one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}

impl ConfigError {
    /// The file that it is about, as it was named.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What is wrong, in the order of the file. Never empty.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The file as a whole cannot be read.
    pub(crate) fn unreadable(file: &str, text: String) -> ConfigError {
        let problem = Problem { place: None, member: String::new(), text };
        ConfigError { file: file.to_owned(), problems: vec![problem], left_out: 0 }
    }
}

impl Place {
    /// The place of byte `offset` in `text`; its end where the offset lies behind it.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Place {
        let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Gathers what is wrong while a file is read, so that a person can mend it all at once.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Problem>,
    left_out: usize,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Problems<'a> {
        Problems { file, text, found: Vec::new(), left_out: 0 }
    }

    /// The file that is read, as it was named.
    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    /// Notes a problem of `member` at byte `at`. One that was noted before is left out: the same
    /// wrong timing may come up once for each junction.
    pub(crate) fn add(&mut self, at: usize, member: &str, text: String) {
        if self.found.len() == MOST_KEPT {
            self.left_out += 1;
            return;
        }
        let place = Some(Place::of(self.text, at));
        let problem = Problem { place, member: member.to_owned(), text };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.found.len() + self.left_out
    }

    /// `file:line:column: member: text`, for a warning.
    pub(crate) fn describe(&self, at: usize, member: &str, text: &str) -> String {
        line(
            self.file,
            &Problem {
                place: Some(Place::of(self.text, at)),
                member: member.to_owned(),
                text: text.to_owned(),
            },
        )
    }

    /// The line of byte `at`.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        Place::of(self.text, at).line
    }

    /// The error that says all of it, in the order of the file.
    pub(crate) fn into_error(mut self) -> ConfigError {
        self.found.sort_by_key(|problem| problem.place);
        ConfigError { file: self.file.to_owned(), problems: self.found, left_out: self.left_out }
    }
}

fn line(file: &str, problem: &Problem) -> String {
    let mut text = file.to_owned();
    if let Some(Place { line, column }) = problem.place {
        text += &format!(":{line}:{column}");
    }
    if !problem.member.is_empty() {
        text += &format!(": {}", problem.member);
    }
    text + ": " + &problem.text
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            f.write_str(&line(&self.file, problem))?;
        }
        if self.left_out > 0 {
            write!(f, "\n{}: and {} more", self.file, self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_and_is_safe_anywhere() {
        let text = "a\nå = 1\n";
        assert_eq!(Place::of(text, 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of(text, 4), Place { line: 2, column: 2 });
        assert_eq!(Place::of(text, 3), Place { line: 2, column: 1 }, "inside a character");
        assert_eq!(Place::of(text, 999), Place { line: 3, column: 1 });
        assert_eq!(Place::of("", 5), Place { line: 1, column: 1 });
    }
}
