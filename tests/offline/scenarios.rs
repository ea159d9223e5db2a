//! Every lesson, played with many seeds in the simulated world.

use std::{collections::BTreeSet, fs, path::Path, sync::Mutex, thread};

use traffic_light::Rule;
use twinlight::{
    config::Config,
    model::Diagnostic,
    scenario::{
        Lesson, Outcome, Scenario, Stage,
        expect::Check,
        lessons,
        series::{Played, Series, play},
    },
    simulated::{Options, Simulation},
};

/// As the task of the lessons says: at least so many.
const SEEDS: u64 = 20;

fn play_seed(scenario: &Scenario, seed: u64) -> Played {
    let mut world = Simulation::new(&scenario.config, seed, Options::default()).unwrap();
    play(scenario, seed, &mut world, &mut |_| {}, &|| false)
}

/// Plays `scenario` with each of the seeds, on as many threads as there are cores.
fn play_all(scenario: &Scenario, seeds: impl Iterator<Item = u64> + Send) -> Series {
    let mut played = Vec::new();
    let seeds = Mutex::new(seeds);
    let done = Mutex::new(&mut played);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(seed) = seeds.lock().unwrap().next() else { return };
                    let run = play_seed(scenario, seed);
                    done.lock().unwrap().push(run);
                }
            });
        }
    });
    played.sort_by_key(|run| run.seed);
    let mut series = Series::new(scenario);
    for run in played {
        series.add(run);
    }
    series
}

fn lesson(name: &str) -> Scenario {
    Lesson::named(name).unwrap_or_else(|| panic!("there is no lesson {name}")).scenario()
}

#[test]
fn every_lesson_holds_with_twenty_seeds() {
    for lesson in lessons() {
        let scenario = lesson.scenario();
        assert_eq!(scenario.stage, Stage::Simulated, "{}", lesson.name);
        assert!(
            u64::from(scenario.seeds) >= SEEDS,
            "{}: the file asks for {} seeds",
            lesson.name,
            scenario.seeds
        );
        let series = play_all(&scenario, 1..=SEEDS);
        assert_eq!(series.seeds().len(), 20);
        for verdict in series.verdicts() {
            assert_eq!(
                verdict.outcome,
                Outcome::Held,
                "{}: {}: {}",
                lesson.name,
                verdict.expectation,
                verdict.evidence
            );
        }
    }
}

#[test]
fn the_seeds_of_the_shipped_files_are_no_lucky_ones() {
    for name in ["wifi-lost", "hang", "half-open", "one-way-silence"] {
        let series = play_all(&lesson(name), 1_000..1_040);
        for verdict in series.verdicts() {
            assert_eq!(
                verdict.outcome,
                Outcome::Held,
                "{name}: {}: {}",
                verdict.expectation,
                verdict.evidence
            );
        }
    }
}

/// What the lessons say of react: it never flashes, and a link that is cut leads to a conflict.
#[test]
fn react_fails_where_lease_holds() {
    let shipped = lesson("react-fails");
    let conflict = |scenario: &Scenario, junction: &str| {
        let series = play_all(scenario, 1..=SEEDS);
        let text = format!("a conflict in {junction}");
        let verdicts = series.verdicts();
        verdicts.iter().find(|verdict| verdict.expectation == text).expect("it is expected").held()
    };
    assert!(conflict(&shipped, "react"));
    // The same timeline: only the rule makes the difference.
    let mut safe = shipped.clone();
    safe.config.set_rule(Rule::Lease);
    assert!(!conflict(&safe, "react"), "under lease the junction named react has none");

    for name in ["wifi-lost", "broker-restart", "one-way-silence", "partition"] {
        let mut naive = lesson(name);
        naive.config.set_rule(Rule::React);
        let series = play_all(&naive, 1..=SEEDS);
        let failed = |wanted: &str| {
            let verdicts = series.verdicts();
            let index =
                naive.expectations.iter().position(|expectation| expectation.check.name() == wanted).unwrap();
            verdicts[index].outcome == Outcome::Failed
        };
        assert!(failed("no-conflict"), "{name}: react had no conflict: {:?}", series.verdicts());
        assert!(failed("flashing"), "{name}: react knows no flashing");
    }
}

/// Up to 1 % nothing unsafe may happen; beyond it may, and that lesson finds it.
#[test]
fn clocks_that_are_right_within_one_percent_show_nothing_unsafe() {
    let lesson = Lesson::named("clock-drift-beyond-rho").unwrap();
    let text = lesson
        .text
        .replace("drift_percent = -8", "drift_percent = -1")
        .replace("drift_percent = 8", "drift_percent = 1");
    assert_ne!(text, lesson.text, "the shipped file has changed its shape");
    let allowed = Scenario::from_toml(&text, "allowed.toml", &|_| None).unwrap();
    let series = play_all(&allowed, 1..=40);
    let sought: Vec<_> = series
        .verdicts()
        .into_iter()
        .zip(&allowed.expectations)
        .filter(|(_, expectation)| matches!(expectation.check, Check::UnsafeFlashing))
        .collect();
    assert_eq!(sought.len(), 1);
    assert_eq!(sought[0].0.outcome, Outcome::Failed, "{}", sought[0].0.evidence);
}

#[test]
fn the_same_seed_plays_the_same_run_and_another_seed_another() {
    let scenario = lesson("wifi-lost");
    let (one, again, other) = (play_seed(&scenario, 7), play_seed(&scenario, 7), play_seed(&scenario, 8));
    assert_eq!(one.verdicts, again.verdicts);
    assert_eq!(
        one.record.lights.values().map(|light| &light.aspects).collect::<Vec<_>>(),
        again.record.lights.values().map(|light| &light.aspects).collect::<Vec<_>>()
    );
    assert_ne!(one.record.faults[0].from, other.record.faults[0].from, "the seed decides when");
}

#[test]
fn every_file_of_the_folder_is_a_lesson_with_a_page_of_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/scenarios");
    let files: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let names: BTreeSet<String> = lessons().iter().map(|lesson| lesson.name.to_owned()).collect();
    assert_eq!(files, names);
    assert_eq!(names.len(), lessons().len(), "two lessons of one name");
    let mut titles = BTreeSet::new();
    for lesson in lessons() {
        assert!(lesson.text.starts_with("# "), "{}: it says what it is", lesson.name);
        assert!(
            lesson.text.contains(&format!("#     twinlight scenario {}\n", lesson.name)),
            "{}",
            lesson.name
        );
        let scenario = Scenario::from_toml(lesson.text, &lesson.file(), &|_| None).unwrap();
        assert_eq!(scenario.config.warnings, Vec::<Diagnostic>::new(), "{}", lesson.name);
        assert!(scenario.teaches.len() > 300, "{}: a page that says what it teaches", lesson.name);
        assert!(titles.insert(scenario.title.clone()), "{} twice", scenario.title);
        // The window and "run" play it too.
        let config = Config::from_toml(lesson.text, &lesson.file(), &|_| None).unwrap();
        assert_eq!(config.run_for, Some(scenario.length));
    }
}
