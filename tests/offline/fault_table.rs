//! The table of faults in the documentation says what the code does.

use std::{fmt::Write as _, fs};

use twinlight::fault::{FaultKind, LeftOut};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/faults.md");
const BEGIN: &str = "<!-- the table begins -->\n";
const END: &str = "<!-- the table ends -->\n";

fn table() -> String {
    let mut table =
        "\n| fault | where | parameters | what happens | on a board |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    for kind in FaultKind::examples() {
        let about = kind.about();
        let place = match kind {
            FaultKind::LinkFault(_) if kind.has_direction() => "link, `way`",
            FaultKind::LinkFault(_) => "link",
            FaultKind::LightFault(_) => "light",
            FaultKind::BrokerFault(_) => "broker",
        };
        let parameters = about.parameters.iter().zip(kind.values()).map(|(parameter, example)| {
            let left_out = match parameter.left_out {
                LeftOut::Example => format!("; {} if left out", parameter.shown(example)),
                LeftOut::Is(value) => format!("; {} if left out", parameter.shown(value)),
                LeftOut::Refused => "; has to be given".to_owned(),
            };
            format!("`{}`: {}{left_out}", parameter.name, parameter.range())
        });
        let parameters = parameters.collect::<Vec<_>>().join("<br>");
        let instant = if about.instant { " No duration." } else { "" };
        let board = about.board.unwrap_or("yes");
        let (name, meaning) = (about.name, about.meaning);
        writeln!(table, "| `{name}` | {place} | {parameters} | {meaning}{instant} | {board} |").unwrap();
    }
    table.push('\n');
    table
}

#[test]
fn the_documentation_has_every_fault_with_its_parameters_and_limits() {
    let text = fs::read_to_string(FILE).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("TWINLIGHT_WRITE_DOCS").is_some() {
        return fs::write(FILE, [before, BEGIN, &table(), END, after].concat()).unwrap();
    }
    for (written, right) in written.lines().zip(table().lines()) {
        assert_eq!(written, right, "docs/adding-a-fault.md says how to write the table anew");
    }
    assert_eq!(written.lines().count(), table().lines().count(), "docs/faults.md");
}
