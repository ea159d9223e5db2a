//! `twinlight check` says of each light what is true of it: nothing of a good one, the one mistake of a wrong one.

use std::{fs, sync::Mutex};

use test_support::own_light::{Broker, Light, check, good, judge, micropython, side_by_side, wrong};

/// Checks wait, mostly: all of them at once keep two cores less than half busy.
const WIDTH: usize = 40;

fn play(lights: &[Light]) {
    let Some(micropython) = micropython("checks of lights under a real MicroPython") else { return };
    let misjudged = Mutex::new(Vec::new());
    let logs = tempfile::tempdir().unwrap().keep();
    side_by_side(
        lights,
        WIDTH,
        |light| check(&micropython, light, Broker::Embedded),
        |light, checked| {
            let judged = judge(&light.expected, &checked);
            println!("{} after {} s: {judged:?}", light.name, checked.took.as_secs());
            if let Err(wrong) = judged {
                let log = logs.join(&light.name);
                fs::write(&log, &checked.told).unwrap();
                misjudged.lock().unwrap().push(format!("{}: {wrong}; see {}", light.name, log.display()));
            }
        },
    );
    let misjudged = misjudged.into_inner().unwrap();
    assert!(misjudged.is_empty(), "{} of {}:\n{}", misjudged.len(), lights.len(), misjudged.join("\n"));
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
