//! The order of layers: an arrow goes only downwards, and few files reach each other.
//!
//! The order stands in the table at the top of `src/lib.rs`, from the bottom up: a module may use those
//! in the rows above its own. What a module uses is read from the paths of its sources (`use` trees and
//! paths in the code), without what is compiled for tests alone.

use std::{
    collections::{BTreeMap, BTreeSet},
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

/// Files that reach each other, in groups of three and more. Each is one module in several files: parts that
/// use what stands in their `mod.rs`, or one struct whose methods stand in several files.
const KNOTS: [(&str, &str); 8] = [
    (
        "src",
        "app/panels/board/light.rs app/panels/board/mod.rs app/panels/board/network.rs app/panels/board/ports.rs",
    ),
    ("src", "app/panels/topics/detail.rs app/panels/topics/mod.rs app/panels/topics/tree.rs"),
    ("src", "board/ports/linux.rs board/ports/mod.rs board/ports/other.rs"),
    ("src", "cli/scenario.rs cli/scenario/live.rs cli/scenario/simulated.rs"),
    ("src", "scenario/lessons.rs scenario/mod.rs scenario/read.rs scenario/read/check.rs"),
    ("src", "simulated/duplicate_client.rs simulated/link.rs simulated/world.rs"),
    ("src", "soak/live.rs soak/mod.rs soak/simulated.rs"),
    ("firmware/light/src", "light/mod.rs light/outbox.rs light/react.rs"),
];

#[test]
fn only_the_named_groups_of_three_files_and_more_reach_each_other() {
    let mut found = BTreeSet::new();
    for (folder, root) in [("src", "lib.rs"), ("firmware/src", "main.rs"), ("firmware/light/src", "lib.rs")] {
        let sources = Sources::read(&Path::new(ROOT).join(folder), root);
        found.extend(knots(&sources.uses()).iter().map(|knot| (folder, knot.join(" "))));
    }
    let named: BTreeSet<_> = KNOTS.iter().map(|(folder, files)| (*folder, (*files).to_owned())).collect();
    assert_eq!(found, named, "left: what is in the sources, right: what is named here");
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
fn a_knot_is_seen_through_what_modules_give_on_and_one_of_two_files_is_none() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub struct A; use crate::b::C;"),
        ("b/mod.rs", "mod c; pub use c::C; pub struct B;"),
        ("b/c.rs", "pub struct C; use crate::a::A;"),
    ];
    let (_folder, sources) = tree(&files);
    assert!(knots(&sources.uses()).is_empty(), "a.rs and b/c.rs use each other, and that is all");
    let joined = "mod c; pub use c::C; pub struct B; use crate::a::A;";
    let (_folder, sources) = tree(&[files[0], files[1], ("b/mod.rs", joined), files[3]]);
    assert!(knots(&sources.uses()).is_empty(), "nothing leads back to b/mod.rs");
    // Two pairs that share a file are one knot of three.
    let pair = ("b/c.rs", "pub struct C; use super::B; use crate::a::A;");
    let (_folder, sources) = tree(&[files[0], files[1], ("b/mod.rs", joined), pair]);
    let found = knots(&sources.uses());
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

/// The files that reach each other, in groups of three and more.
fn knots(uses: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for next in uses.get(file).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = uses.keys().map(|file| (file, reach(file))).collect();
    let mut groups = BTreeSet::new();
    for (file, from_here) in &reached {
        let group: Vec<_> = from_here
            .iter()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(*file)))
            .cloned()
            .collect();
        if group.len() > 2 {
            groups.insert(group);
        }
    }
    groups.into_iter().collect()
}
