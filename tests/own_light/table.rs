//! The table of lights itself.

use std::collections::BTreeSet;

use test_support::own_light::{Address, Expected, STEPS, good, wrong};

fn address() -> Address {
    Address {
        port: 1884,
        login: Some(("king", "arthur")),
        says: "x/says".to_owned(),
        hears: "x/hears".to_owned(),
    }
}

#[test]
fn each_wrong_light_differs_from_a_good_one_by_its_mistake_and_names_steps_that_there_are() {
    let lights = wrong();
    assert!(lights.len() >= 23, "{} wrong lights", lights.len());
    let names: BTreeSet<_> = lights.iter().map(|light| &light.name).collect();
    assert_eq!(names.len(), lights.len(), "two lights of one name");
    let goods = good();
    for light in &lights {
        let good = goods.iter().find(|good| good.name == light.of.name).unwrap();
        let same = good.program(&address()) == light.program(&address());
        assert_eq!(same, light.twin, "{}: a light without a mistake", light.name);
        let Expected::Wrong { step, also, .. } = &light.expected else { panic!("{}", light.name) };
        let place = |step: &str| STEPS.iter().position(|one| *one == step);
        let first = place(step).unwrap_or_else(|| panic!("{}: no step {step}", light.name));
        for other in also {
            assert!(
                place(other).is_some_and(|other| other > first),
                "{}: {other} comes before {step}",
                light.name
            );
        }
    }
}

#[test]
fn each_good_light_is_told_where_its_broker_is() {
    for light in good() {
        let program = light.program(&address());
        for line in [
            "PORT = 1884",
            "USER = \"king\"",
            "PASSWORD = \"arthur\"",
            "SAYS = b\"x/says\"",
            "HEARS = b\"x/hears\"",
        ] {
            assert!(program.lines().any(|one| one == line), "{}: {line}", light.name);
        }
    }
}
