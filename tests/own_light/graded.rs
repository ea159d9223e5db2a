//! `twinlight check` says of each light what is true of it: nothing of a good one, the one mistake of a wrong one.

use std::{fs, path::Path, sync::Mutex};

use test_support::own_light::{Broker, Light, check, good, judge, micropython, side_by_side, wrong};

/// Checks wait, mostly: all of them at once keep two cores less than half busy.
const WIDTH: usize = 40;

/// How many lights may be checked a second time, by themselves: a computer that stood still for a second, which it was
/// not the light's part to answer for, does so to a few of them.
const SECOND_TRIES: usize = 3;

/// Checks the lights side by side and gives those that were misjudged, with what was wrong.
fn misjudged<'a>(micropython: &Path, lights: &[&'a Light], logs: &Path) -> Vec<(&'a Light, String)> {
    let misjudged = Mutex::new(Vec::new());
    side_by_side(
        lights,
        WIDTH,
        |light| check(micropython, light, Broker::Embedded),
        |light, checked| {
            let judged = judge(&light.expected, &checked);
            println!("{} after {} s: {judged:?}", light.name, checked.took.as_secs());
            if let Err(wrong) = judged {
                println!("{}", checked.told);
                let log = logs.join(&light.name);
                fs::write(&log, &checked.told).unwrap();
                misjudged
                    .lock()
                    .unwrap()
                    .push((*light, format!("{}: {wrong}; see {}", light.name, log.display())));
            }
        },
    );
    misjudged.into_inner().unwrap()
}

fn play(lights: &[Light]) {
    let Some(micropython) = micropython("checks of lights under a real MicroPython") else { return };
    let logs = tempfile::tempdir().unwrap().keep();
    let told = |misjudged: &[(&Light, String)]| {
        misjudged.iter().map(|(_, wrong)| wrong.as_str()).collect::<Vec<_>>().join("\n")
    };
    let first = misjudged(&micropython, &lights.iter().collect::<Vec<_>>(), &logs);
    assert!(first.len() <= SECOND_TRIES, "{} of {}:\n{}", first.len(), lights.len(), told(&first));
    if !first.is_empty() {
        println!("checked a second time:\n{}", told(&first));
    }
    let second = misjudged(&micropython, &first.iter().map(|(light, _)| *light).collect::<Vec<_>>(), &logs);
    assert!(second.is_empty(), "twice, {} of {}:\n{}", second.len(), lights.len(), told(&second));
    fs::remove_dir_all(logs).unwrap();
}

#[test]
fn a_good_light_passes_every_step() {
    play(&good());
}

#[test]
fn a_wrong_light_is_told_its_mistake_and_nothing_that_the_mistake_does_not_explain() {
    play(&wrong());
}
