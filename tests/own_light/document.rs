//! What `docs/own-light.md` says is what is tested.

use std::{collections::BTreeSet, fs};

use test_support::own_light::{Expected, folder, wrong};
use twinlight::check::verdict::Cause;

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
fn it_explains_each_cause_that_a_check_may_name() {
    let document = document();
    let (_, rest) = document.split_once("<!-- causes begin -->").unwrap();
    let (table, _) = rest.split_once("<!-- causes end -->").unwrap();
    let explained: BTreeSet<_> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let all: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
    assert_eq!(explained, all);
    for light in wrong() {
        let Expected::Wrong { cause, .. } = light.expected else { continue };
        assert!(all.contains(cause.as_str()), "{}: a check does not know {cause}", light.name);
    }
}
