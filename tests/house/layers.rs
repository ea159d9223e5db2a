//! The order of layers: an arrow goes only downwards, and no circle of files is large.
//!
//! The order stands in the table at the top of `src/lib.rs`, from the bottom up: a module may use those
//! in the rows above its own. What a module uses is read from the paths of its sources (`use` trees and
//! paths in the code), without what is compiled for tests alone.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::Path,
};

use crate::source::Sources;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn no_layer_uses_one_above_it() {
    let sources = Sources::read(&Path::new(ROOT).join("src"), "lib.rs");
    let faults = against_the_order(&sources, &order(&sources));
    assert!(faults.is_empty(), "arrows that run back up:\n{}", faults.join("\n"));
}

#[test]
fn no_layer_of_the_window_uses_one_above_it() {
    let sources = Sources::read(&Path::new(ROOT).join("src"), "lib.rs");
    let table = fs::read_to_string(Path::new(ROOT).join("src/app/mod.rs")).unwrap();
    let faults = against_the_rows(&sources, "app", &rows(&table));
    assert!(faults.is_empty(), "arrows that run back up:\n{}", faults.join("\n"));
}

#[test]
fn no_circle_has_more_than_two_files() {
    let mut found = Vec::new();
    for (folder, root) in [("src", "lib.rs"), ("firmware/src", "main.rs"), ("firmware/light/src", "lib.rs")] {
        let sources = Sources::read(&Path::new(ROOT).join(folder), root);
        found.extend(
            circles(&sources.uses()).iter().map(|circle| format!("{folder}: {}", circle.join(" → "))),
        );
    }
    assert!(found.is_empty(), "files that use each other in a circle:\n{}", found.join("\n"));
}

/// A small tree of sources in a folder of its own.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let sources = Sources::read(folder.path(), "lib.rs");
    (folder, sources)
}

const ROWS: &str =
    "//! | layer | |\n//! | --- | --- |\n//! | [`base`] | |\n//! | [`top`] | |\nmod base; mod top;\n";

#[test]
fn one_arrow_turned_is_refused_with_both_its_ends() {
    let straight = [
        ("lib.rs", ROWS),
        ("base.rs", "pub struct Light; #[cfg(test)] mod tests { use crate::top::run; }"),
        ("top/mod.rs", "mod inner; pub use inner::run;"),
        ("top/inner.rs", "use crate::{base::{self, Light}}; pub fn run(_: Light, _: base::Light) {}"),
    ];
    let (_folder, sources) = tree(&straight);
    assert_eq!(against_the_order(&sources, &order(&sources)), Vec::<String>::new());

    for turned in [
        "use crate::{top::run as start};",
        "fn f() { super::top::run() }",
        "mod inner { use super::super::top::run; }",
        "#[serde(with = \"crate::top::run\")] struct S;",
        "// use crate::base;\nuse crate::top::{inner::{run}};",
    ] {
        let (_folder, sources) = tree(&[straight[0], ("base.rs", turned), straight[2], straight[3]]);
        let faults = against_the_order(&sources, &order(&sources));
        assert_eq!(faults.len(), 1, "{turned}");
        assert!(faults[0].contains("base.rs") && faults[0].contains("top::"), "{}", faults[0]);
    }
}

#[test]
fn an_arrow_within_a_row_or_back_up_is_refused_in_the_window() {
    let table = "//! | `low` · `beside` | |\n//! | `high` | |\nmod low; mod beside; mod high;\n";
    let with = |low: &str| {
        let files = [
            ("lib.rs", "mod app;"),
            ("app/mod.rs", table),
            ("app/low.rs", low),
            ("app/beside.rs", ""),
            ("app/high.rs", "use super::low::L;"),
        ];
        against_the_rows(&tree(&files).1, "app", &rows(table))
    };
    assert_eq!(with("pub struct L;"), Vec::<String>::new());
    for turned in ["use super::high::H;", "use crate::app::beside::B;"] {
        assert_eq!(with(turned).len(), 1, "{turned}");
    }
}

#[test]
fn a_layer_without_a_row_is_refused() {
    let rows = "//! | [`base`] | |\nmod base; mod other;\n";
    let (_folder, sources) = tree(&[("lib.rs", rows), ("base.rs", ""), ("other.rs", "")]);
    assert_eq!(against_the_order(&sources, &order(&sources)), ["other has no row in the table of layers"]);
}

#[test]
fn a_circle_is_seen_through_what_modules_give_on_and_one_of_two_files_is_none() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub struct A; use crate::b::{B, C};"),
        ("b/mod.rs", "mod c; pub use c::C; pub struct B;"),
        ("b/c.rs", "pub struct C; use super::B; use crate::a::A;"),
    ];
    let (_folder, sources) = tree(&files);
    assert!(circles(&sources.uses()).is_empty(), "a.rs and b/c.rs use each other, and that is all");
    let (_folder, sources) = tree(&[files[0], files[1], files[2], ("b/c.rs", "pub struct C; use super::B;")]);
    assert!(circles(&sources.uses()).is_empty());
    let closed = ("b/mod.rs", "mod c; pub use c::C; pub struct B; use crate::a::A;");
    let (_folder, sources) = tree(&[files[0], files[1], closed, ("b/c.rs", "pub struct C; use super::B;")]);
    let found = circles(&sources.uses());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [["a.rs", "b/c.rs", "b/mod.rs"]]);
}

/// The layers from the bottom up, as the table in the root file's documentation names them.
fn order(sources: &Sources) -> Vec<String> {
    let rows = sources.root_text.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    rows.filter_map(|row| Some(row.split_once("`]")?.0.to_owned())).collect()
}

/// What speaks against the order: an arrow that runs back up, or a module without a row.
fn against_the_order(sources: &Sources, order: &[String]) -> Vec<String> {
    let row = |layer: &str| order.iter().position(|known| known == layer);
    let mut faults = BTreeSet::new();
    for layer in sources.modules.keys().filter_map(|module| module.first()) {
        if row(layer).is_none() {
            faults.insert(format!("{layer} has no row in the table of layers"));
        }
    }
    for (module, source) in &sources.modules {
        let Some(own) = module.first() else { continue };
        for path in &source.paths {
            let Some(used) = path.first().filter(|used| *used != own) else { continue };
            if row(used).is_some_and(|used| row(own).is_some_and(|own| used > own)) {
                faults.insert(format!("{} uses {}, which is above it", source.file, path.join("::")));
            }
        }
    }
    faults.into_iter().collect()
}

/// The layers within one module, row by row, as the table in its documentation names them.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("//! | `")?.split(" | ").next());
    cells.map(|cell| cell.split('`').step_by(2).map(str::to_owned).collect()).collect()
}

/// The same within `module`, whose layers of one row do not know each other.
fn against_the_rows(sources: &Sources, module: &str, rows: &[Vec<String>]) -> Vec<String> {
    let row = |layer: &str| rows.iter().position(|row| row.iter().any(|known| known == layer));
    let layer = |path: &[String]| path.get(1).filter(|_| path[0] == module).cloned();
    let mut faults = BTreeSet::new();
    for (path, source) in &sources.modules {
        let Some(own) = layer(path) else { continue };
        let Some(own_row) = row(&own) else {
            faults.insert(format!("{own} has no row in the table of layers"));
            continue;
        };
        for used in source.paths.iter().filter(|used| layer(used).is_some_and(|used| used != own)) {
            if row(&used[1]).is_some_and(|row| row >= own_row) {
                faults.insert(format!("{} uses {}, which is not below it", source.file, used.join("::")));
            }
        }
    }
    faults.into_iter().collect()
}

/// The shortest circle of more than two files through each arrow that is part of one.
fn circles(uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Vec<String>> {
    let mut circles = BTreeSet::new();
    for (from, others) in uses {
        for to in others {
            // The way back, but for the arrow straight back: that makes a circle of two.
            let mut ways = VecDeque::from([vec![to]]);
            let mut seen = BTreeSet::from([to]);
            while let Some(way) = ways.pop_front() {
                let last = way[way.len() - 1];
                if last == from {
                    let least = way.iter().enumerate().min_by_key(|(_, file)| **file).map_or(0, |(at, _)| at);
                    circles.insert(
                        way.iter().cycle().skip(least).take(way.len()).map(|file| (*file).clone()).collect(),
                    );
                    break;
                }
                for next in uses[last].iter().filter(|next| last != to || *next != from) {
                    if seen.insert(next) {
                        ways.push_back(way.iter().copied().chain([next]).collect());
                    }
                }
            }
        }
    }
    circles
}
