//! What `docs/own-light.md` says is what is tested.

use std::{collections::BTreeSet, fs};

use test_support::own_light::{Expected, folder, wrong};

fn document() -> String {
    fs::read_to_string(folder().join("../../docs/own-light.md")).unwrap()
}

#[test]
fn its_program_is_the_one_that_is_tested() {
    let document = document();
    let (_, rest) = document.split_once("```python\n").unwrap();
    let (program, _) = rest.split_once("```\n").unwrap();
    assert_eq!(program, fs::read_to_string(folder().join("good/smallest.py")).unwrap());
}

#[test]
fn it_explains_each_cause_that_a_light_here_has() {
    let document = document();
    let (_, rest) = document.split_once("<!-- causes begin -->").unwrap();
    let (table, _) = rest.split_once("<!-- causes end -->").unwrap();
    let explained: BTreeSet<_> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    for light in wrong() {
        let Expected::Wrong { cause, .. } = light.expected else { continue };
        assert!(explained.contains(cause.as_str()), "{cause} is not explained");
    }
}
