//! What is wrong with a configuration, where, and what to do about it.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::secrets;
use crate::model::{Diagnostic, printable};

/// Problems that are kept; the rest are counted. A file that is no configuration at all would
/// otherwise fill the screen.
const MOST_KEPT: usize = 20;

/// Why a configuration cannot be used: all problems, in the order of the file.
///
/// `Display` gives a line `file:line:column: member: message` for each problem, and its help on the
/// next one. [`ConfigError::draw`] also shows the line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    /// The file's text, with its secrets covered.
    text: String,
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
    pub diagnostic: Diagnostic,
    /// Bytes of the text to be underlined; on one line.
    span: Range<usize>,
}

/// A place in a text file. Both count from 1; a column is one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
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

    /// The problems as compilers show them, each below the line of the file that it is about.
    /// `coloured`: with escape codes for a terminal.
    #[must_use]
    pub fn draw(&self, coloured: bool) -> String {
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        let mut drawn: Vec<_> =
            self.problems.iter().map(|problem| self.draw_one(&renderer, problem)).collect();
        if self.left_out > 0 {
            drawn.push(format!("{}: and {} more", self.file, self.left_out));
        }
        drawn.join("\n\n")
    }

    fn draw_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let title = match (problem.place, problem.member.as_str()) {
            (None, _) => format!("{}: {}", self.file, problem.diagnostic),
            (_, "") => problem.diagnostic.to_string(),
            (_, member) => format!("{member}: {}", problem.diagnostic),
        };
        let mut group = Group::with_title(Level::ERROR.primary_title(printable(&title).into_owned()));
        if problem.place.is_some() {
            let mark = AnnotationKind::Primary.span(problem.span.clone());
            group = group.element(
                Snippet::source(&self.text).path(printable(&self.file).into_owned()).annotation(mark),
            );
        }
        if let Some(help) = &problem.diagnostic.help {
            group = group.element(Level::HELP.message(printable(help).into_owned()));
        }
        renderer.render(&[group])
    }

    /// The file as a whole cannot be read.
    pub(crate) fn unreadable(file: &str, diagnostic: Diagnostic) -> ConfigError {
        let problem = Problem { place: None, member: String::new(), diagnostic, span: 0..0 };
        ConfigError { file: file.to_owned(), text: String::new(), problems: vec![problem], left_out: 0 }
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

    /// Notes a problem of `member`, which stands at the bytes `span`. One that was noted before is left
    /// out: the same wrong timing may come up once for each junction.
    pub(crate) fn add(&mut self, span: Range<usize>, member: &str, diagnostic: impl Into<Diagnostic>) {
        if self.found.len() == MOST_KEPT {
            self.left_out += 1;
            return;
        }
        let problem = self.problem(span, member, diagnostic.into());
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    fn problem(&self, span: Range<usize>, member: &str, diagnostic: Diagnostic) -> Problem {
        let place = Some(Place::of(self.text, span.start));
        // A table is underlined at its first line alone.
        let start = self.text.floor_char_boundary(span.start);
        let line_end = self.text[start..].find(['\r', '\n']).map_or(self.text.len(), |length| start + length);
        let end = self.text.ceil_char_boundary(span.end).clamp(start, line_end);
        Problem { place, member: member.to_owned(), diagnostic, span: start..end }
    }

    pub(crate) fn count(&self) -> usize {
        self.found.len() + self.left_out
    }

    /// A warning about `member`, with its place in the message.
    pub(crate) fn describe(&self, span: Range<usize>, member: &str, diagnostic: Diagnostic) -> Diagnostic {
        let problem = self.problem(span, member, diagnostic);
        Diagnostic { message: placed(self.file, &problem), help: problem.diagnostic.help }
    }

    /// The line of byte `at`.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        Place::of(self.text, at).line
    }

    /// The error that says all of it, in the order of the file.
    pub(crate) fn into_error(mut self) -> ConfigError {
        self.found.sort_by_key(|problem| problem.place);
        ConfigError {
            file: self.file.to_owned(),
            text: secrets::covered(self.text),
            problems: self.found,
            left_out: self.left_out,
        }
    }
}

/// `file:line:column: member: message`
fn placed(file: &str, problem: &Problem) -> String {
    let mut text = file.to_owned();
    if let Some(Place { line, column }) = problem.place {
        text += &format!(":{line}:{column}");
    }
    if !problem.member.is_empty() {
        text += &format!(": {}", problem.member);
    }
    format!("{text}: {}", problem.diagnostic)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            f.write_str(&placed(&self.file, problem))?;
            if let Some(help) = &problem.diagnostic.help {
                write!(f, "\n  help: {help}")?;
            }
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

    #[test]
    fn a_problem_is_drawn_below_its_line_with_the_help_apart() {
        let text = "[timing]\nlease_ms = \"8 s\"\n";
        let mut problems = Problems::new("my.toml", text);
        let help = Diagnostic::new("it is a string, not a whole number", "write it without quotes");
        problems.add(20..25, "timing.lease_ms", help);
        assert_eq!(
            problems.into_error().draw(false),
            "error: timing.lease_ms: it is a string, not a whole number\n\
             \x20--> my.toml:2:12\n\
             \x20 |\n\
             2 | lease_ms = \"8 s\"\n\
             \x20 |            ^^^^^\n\
             \x20 |\n\
             \x20 = help: write it without quotes"
        );
    }

    #[test]
    fn any_span_of_any_text_can_be_drawn() {
        let text = "å = [\r\n  \"é\",\n]\n\n";
        for start in 0..text.len() + 3 {
            for end in start..text.len() + 3 {
                let mut problems = Problems::new("my.toml", text);
                problems.add(start..end, "å", "it is wrong");
                assert!(problems.into_error().draw(true).contains("it is wrong"));
            }
        }
        assert_eq!(
            ConfigError::unreadable("my.toml", "it is gone".into()).draw(false),
            "error: my.toml: it is gone"
        );
    }
}
