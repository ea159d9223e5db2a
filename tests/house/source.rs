//! Rust sources as names and signs, and the paths that they use.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The sources of one crate, without what is compiled for tests alone.
pub(crate) struct Sources {
    pub(crate) root_text: String,
    /// By the path of the module within the crate; the root's is empty.
    pub(crate) modules: BTreeMap<Vec<String>, Source>,
}

#[derive(Default)]
pub(crate) struct Source {
    /// Where it stands, below the folder of sources.
    pub(crate) file: String,
    /// The paths that it uses, from the crate's root.
    pub(crate) paths: Vec<Vec<String>>,
    /// What it gives on under a name, and from where.
    exports: BTreeMap<String, Vec<String>>,
}

impl Sources {
    /// Reads the crate whose root is `root` in `folder`, file by file as it declares them.
    pub(crate) fn read(folder: &Path, root: &str) -> Sources {
        let root_text = fs::read_to_string(folder.join(root)).unwrap();
        let mut sources = Sources { root_text, modules: BTreeMap::new() };
        sources.add(folder, Vec::new(), PathBuf::from(root));
        sources
    }

    fn add(&mut self, folder: &Path, module: Vec<String>, file: PathBuf) {
        let text = fs::read_to_string(folder.join(&file)).unwrap();
        let mut reader = Reader { tokens: tokens(&text), ..Reader::default() };
        reader.find_children();
        reader.read(0, reader.tokens.len(), &module);
        let source =
            Source { file: file.display().to_string(), paths: reader.paths, exports: reader.exports };
        self.modules.insert(module.clone(), source);
        for child in reader.children {
            let below: PathBuf = module.iter().collect();
            let candidates = [below.join(format!("{child}.rs")), below.join(&child).join("mod.rs")];
            let found = candidates.into_iter().find(|file| folder.join(file).is_file());
            let found = found.unwrap_or_else(|| panic!("{}: mod {child} has no file", file.display()));
            self.add(folder, module.iter().cloned().chain([child]).collect(), found);
        }
    }

    /// The module that `path` leads into: through what modules give on, to where it is defined.
    fn definer(&self, path: &[String]) -> Option<&Vec<String>> {
        let mut path = path.to_vec();
        for _ in 0..16 {
            let length = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
            let (module, source) = self.modules.get_key_value(&path[..length])?;
            match path.get(length).and_then(|name| source.exports.get(name)) {
                Some(from) => path = from.iter().chain(&path[length + 1..]).cloned().collect(),
                None => return Some(module),
            }
        }
        None
    }

    /// Which file uses which others.
    pub(crate) fn uses(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut uses = BTreeMap::new();
        for (module, source) in &self.modules {
            let targets = source.paths.iter().filter_map(|path| self.definer(path));
            let others = targets.filter(|target| *target != module);
            uses.insert(
                source.file.clone(),
                others.map(|other| self.modules[other].file.clone()).collect::<BTreeSet<_>>(),
            );
        }
        uses
    }
}

/// Walks the tokens of one file.
#[derive(Default)]
struct Reader {
    tokens: Vec<String>,
    children: Vec<String>,
    paths: Vec<Vec<String>>,
    exports: BTreeMap<String, Vec<String>>,
}

impl Reader {
    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token == text)
    }

    /// The files below this one: `mod name;`.
    fn find_children(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            if let Some(end) = self.test_item(at) {
                at = end;
                continue;
            }
            if self.is(at, "mod") && self.is(at + 2, ";") {
                self.children.push(self.tokens[at + 1].clone());
            }
            at += 1;
        }
    }

    /// The end of the item at `at`, where it is compiled for tests alone.
    fn test_item(&self, at: usize) -> Option<usize> {
        let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
        attribute.iter().enumerate().all(|(index, text)| self.is(at + index, text)).then(|| {
            let (mut end, mut depth) = (at + attribute.len(), 0);
            while end < self.tokens.len() {
                match self.tokens[end].as_str() {
                    "{" | "(" | "[" => depth += 1,
                    "}" if depth == 1 => return end + 1,
                    "}" | ")" | "]" => depth -= 1,
                    ";" if depth == 0 => return end + 1,
                    _ => {}
                }
                end += 1;
            }
            end
        })
    }

    fn read(&mut self, from: usize, to: usize, module: &[String]) {
        let mut at = from;
        while at < to {
            if let Some(end) = self.test_item(at) {
                at = end;
            } else if self.is(at, "mod") && self.is(at + 2, "{") {
                let end = self.closing(at + 2);
                let inner: Vec<_> = module.iter().cloned().chain([self.tokens[at + 1].clone()]).collect();
                self.read(at + 3, end, &inner);
                at = end + 1;
            } else if self.is(at, "use") {
                let exports = at > 0 && (self.is(at - 1, "pub") || self.is(at - 1, ")"));
                let mut end = at + 1;
                let mut leaves = Vec::new();
                self.tree(&mut end, &[], &mut leaves);
                for (path, name) in leaves {
                    let Some(path) = self.rooted(path, module) else { continue };
                    if exports && !self.occurs_outside(&name, at, end) {
                        self.exports.insert(name, path);
                    } else {
                        if exports {
                            self.exports.insert(name, path.clone());
                        }
                        self.paths.push(path);
                    }
                }
                at = end;
            } else if self.begins_path(at) {
                let mut path = vec![self.tokens[at].clone()];
                while self.is(at + 1, "::") && self.tokens.get(at + 2).is_some_and(|token| is_name(token)) {
                    path.push(self.tokens[at + 2].clone());
                    at += 2;
                }
                if let Some(path) = self.rooted(path, module) {
                    self.paths.push(path);
                }
                at += 1;
            } else {
                at += 1;
            }
        }
    }

    fn begins_path(&self, at: usize) -> bool {
        let first = matches!(self.tokens[at].as_str(), "crate" | "super" | "self")
            || self.children.contains(&self.tokens[at]);
        first && self.is(at + 1, "::") && (at == 0 || !self.is(at - 1, "::"))
    }

    fn occurs_outside(&self, name: &str, from: usize, to: usize) -> bool {
        self.tokens.iter().enumerate().any(|(at, token)| token == name && !(from..to).contains(&at))
    }

    fn closing(&self, open: usize) -> usize {
        let mut depth = 0;
        for at in open..self.tokens.len() {
            match self.tokens[at].as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.tokens.len()
    }

    /// The leaves of the `use` tree at `at`: the whole path of each, and the name that it gets.
    fn tree(&self, at: &mut usize, before: &[String], leaves: &mut Vec<(Vec<String>, String)>) {
        if self.is(*at, "{") {
            *at += 1;
            while !self.is(*at, "}") {
                self.tree(at, before, leaves);
                if self.is(*at, ",") {
                    *at += 1;
                }
            }
            *at += 1;
            return;
        }
        let mut path = before.to_vec();
        path.push(self.tokens[*at].clone());
        *at += 1;
        if self.is(*at, "::") {
            *at += 1;
            return self.tree(at, &path, leaves);
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self" || last == "*") {
            path.pop();
        }
        let mut name = path.last().cloned().unwrap_or_default();
        if self.is(*at, "as") {
            name.clone_from(&self.tokens[*at + 1]);
            *at += 2;
        }
        leaves.push((path, name));
    }

    /// The same path from the crate's root; `None` where it leads to another crate.
    fn rooted(&self, path: Vec<String>, module: &[String]) -> Option<Vec<String>> {
        let ups = path.iter().take_while(|segment| *segment == "super").count();
        if ups > 0 {
            let kept = module.len().checked_sub(ups)?;
            return Some(module[..kept].iter().chain(&path[ups..]).cloned().collect());
        }
        match path[0].as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some(module.iter().chain(&path[1..]).cloned().collect()),
            first if self.children.iter().any(|child| child == first) => {
                Some(module.iter().chain(&path).cloned().collect())
            }
            _ => None,
        }
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names and signs of a Rust source, without comments, texts and characters.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for token in scan(text) {
        match token {
            Token::Sign(sign) => tokens.push(sign),
            // Attributes such as serde's take paths as texts.
            Token::Text(text) => {
                let is_path = |c| c == ':' || c == '_' || char::is_alphanumeric(c);
                if text.starts_with("crate::") && text.chars().all(is_path) {
                    tokens.extend(self::tokens(&text));
                }
            }
        }
    }
    tokens
}

/// The texts between quotation marks in a Rust source, with escapes as they are written.
pub(crate) fn texts(text: &str) -> Vec<String> {
    let texts = scan(text).into_iter().filter_map(|token| match token {
        Token::Text(text) => Some(text),
        Token::Sign(_) => None,
    });
    texts.collect()
}

enum Token {
    Sign(String),
    Text(String),
}

fn scan(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at_text =
        |at: usize, text: &str| text.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if at_text(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if at_text(at, "/*") {
            let mut depth = 0;
            loop {
                if at_text(at, "/*") {
                    (depth, at) = (depth + 1, at + 2);
                } else if at_text(at, "*/") {
                    (depth, at) = (depth - 1, at + 2);
                } else {
                    at += 1;
                }
                if depth == 0 || at >= chars.len() {
                    break;
                }
            }
        } else if is_name(&c.to_string()) {
            let from = at;
            while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                at += 1;
            }
            let name: String = chars[from..at].iter().collect();
            let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
            let raw = matches!(name.as_str(), "r" | "br" | "cr") && chars.get(at + hashes) == Some(&'"');
            if raw {
                let end = format!("\"{}", "#".repeat(hashes));
                at += hashes + 1;
                let from = at;
                while at < chars.len() && !at_text(at, &end) {
                    at += 1;
                }
                tokens.push(Token::Text(chars[from.min(at)..at].iter().collect()));
                at += end.len();
            } else {
                tokens.push(Token::Sign(name));
            }
        } else if c == '"' {
            let from = at + 1;
            at = from;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            tokens.push(Token::Text(chars[from..at.min(chars.len())].iter().collect()));
            at += 1;
        } else if c == '\'' {
            // A character, or the name of a lifetime.
            if chars.get(at + 1) == Some(&'\\') {
                at += 3;
                while at < chars.len() && chars[at] != '\'' {
                    at += 1;
                }
                at += 1;
            } else {
                at += if chars.get(at + 2) == Some(&'\'') { 3 } else { 1 };
            }
        } else if at_text(at, "::") {
            tokens.push(Token::Sign("::".to_owned()));
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Sign(c.to_string()));
            }
            at += 1;
        }
    }
    tokens
}
