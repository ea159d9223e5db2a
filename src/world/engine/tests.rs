//! The rule of who ends a fault, case by case, and what leaves the engine in which order.

use std::time::Duration;

use traffic_light::{
    Name, Rule,
    command::Action,
    program::{HostCommand, LogEvent},
};

use super::*;
use crate::{
    fault::{Hang, Latency, LinkFaultSpec},
    model::LightKind,
    world::EventKind,
};

const PAIR: &str = "[[junction]]\nname = \"demo\"\nkey = \"sixteen characters\"\n";

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn light(name: &str) -> LightId {
    LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
}

fn wifi() -> Fault {
    Fault::on(light("a"), WifiDown)
}

fn latency(ms: u32) -> Fault {
    Fault::Link { light: light("a"), spec: LinkFaultSpec::both_ways(Latency { ms, jitter_ms: 0 }) }
}

/// A world that performs whatever it is asked to, at once, and notes it.
struct Lab {
    engine: Engine,
    /// What is not to be had.
    broken: bool,
    effects: Vec<Effect>,
    told: Vec<EventKind>,
}

impl Lab {
    fn new() -> Lab {
        Lab::with_plan(Vec::new())
    }

    fn with_plan(faults: Vec<PlannedFault>) -> Lab {
        let mut config = Config::from_toml(PAIR, "lab.toml", &|_| None).unwrap();
        config.faults = faults;
        let mut engine = Engine::new(&config, true, 1);
        for name in ["a", "b"] {
            engine.light_added(&light(name), Rule::Lease, true);
        }
        let mut lab = Lab { engine, broken: false, effects: Vec::new(), told: Vec::new() };
        lab.take_events();
        lab.told.clear();
        lab
    }

    /// Calls the engine at each of its deadlines up to `until`.
    fn play(&mut self, until: Duration) {
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= until) {
            self.engine.state.set_now(due);
            self.engine.tick();
            self.perform();
        }
        self.engine.state.set_now(until);
    }

    fn command(&mut self, command: Command) {
        self.engine.command(command);
        self.perform();
    }

    fn inject(&mut self, fault: Fault, lasts: Option<Duration>) {
        self.command(Command::InjectFault { fault, lasts });
    }

    fn perform(&mut self) {
        while let Some(task) = self.engine.next_task() {
            let result = if self.broken { Err("not to be had".into()) } else { Ok(()) };
            self.effects.push(task.effect.clone());
            self.engine.performed(task, result);
        }
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.engine.state.next_event() {
            self.told.push(event.kind);
        }
    }

    /// The faults that were told of since the last time, and whether they began.
    fn changes(&mut self) -> Vec<(String, bool)> {
        let told = std::mem::take(&mut self.told);
        let changes = told.into_iter().filter_map(|kind| match kind {
            EventKind::FaultChanged { fault, on } => Some((fault.to_string(), on)),
            _ => None,
        });
        changes.collect()
    }

    fn notices(&mut self) -> Vec<String> {
        let told = std::mem::take(&mut self.told);
        let notices = told.into_iter().filter_map(|kind| match kind {
            EventKind::Noticed { text, .. } => Some(text),
            _ => None,
        });
        notices.collect()
    }

    fn in_force(&self, fault: &Fault) -> bool {
        self.engine.state.faults().contains(fault)
    }

    /// Whether the Wi-Fi of a is there, by the last effect that switched it.
    fn has_wifi(&self) -> bool {
        let switched = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Light(of, LightCommand::SetWifi(up)) if *of == light("a") => Some(*up),
            _ => None,
        });
        switched.unwrap_or(true)
    }
}

fn planned(at: u64, lasts: u64, fault: Fault) -> PlannedFault {
    PlannedFault::new(s(at), fault, Some(s(lasts)))
}

#[test]
fn a_fault_ends_at_its_time_once() {
    let mut lab = Lab::new();
    lab.inject(wifi(), Some(s(5)));
    lab.play(s(4));
    assert!(lab.in_force(&wifi()) && !lab.has_wifi());
    lab.play(s(60));
    assert!(lab.has_wifi());
    assert_eq!(lab.changes(), [("wifi-down".to_owned(), true), ("wifi-down".to_owned(), false)]);
    assert_eq!(lab.engine.next_deadline(), None);
}

#[test]
fn a_fault_that_is_injected_again_is_not_ended_by_the_time_of_the_one_before() {
    let mut lab = Lab::new();
    lab.inject(wifi(), Some(s(5)));
    lab.play(s(3));
    lab.inject(wifi(), Some(s(10)));
    lab.play(s(12));
    assert!(lab.in_force(&wifi()) && !lab.has_wifi());
    lab.play(s(13));
    assert!(!lab.in_force(&wifi()) && lab.has_wifi());
}

#[test]
fn a_fault_that_is_cleared_and_injected_again_is_not_ended_by_the_time_of_the_one_before() {
    let mut lab = Lab::new();
    lab.inject(wifi(), Some(s(5)));
    lab.play(s(2));
    lab.command(Command::ClearFault(wifi()));
    assert!(lab.has_wifi());
    lab.inject(wifi(), None);
    lab.play(s(1_000));
    assert!(lab.in_force(&wifi()) && !lab.has_wifi());
}

#[test]
fn of_overlapping_faults_the_last_to_end_ends_it_in_whatever_order_they_came() {
    for (first, second) in [(10, 3), (3, 10)] {
        let mut lab = Lab::new();
        lab.inject(wifi(), Some(s(first)));
        lab.inject(wifi(), Some(s(second)));
        lab.play(s(9));
        assert!(!lab.has_wifi());
        lab.play(s(10));
        assert!(lab.has_wifi());
        assert_eq!(lab.changes().len(), 2, "one beginning and one end");
    }
}

#[test]
fn a_command_over_mqtt_and_a_planned_fault_overlap_like_any_two() {
    let mut lab = Lab::with_plan(vec![planned(1, 10, wifi())]);
    lab.play(s(2));
    assert!(lab.engine.order(&light("a"), HostCommand::WifiDown { ms: 4_000 }));
    lab.perform();
    lab.play(s(10));
    assert!(!lab.has_wifi(), "the plan still holds it");
    lab.play(s(11));
    assert!(lab.has_wifi());
}

#[test]
fn a_planned_fault_that_is_over_leaves_off_what_a_person_has_switched_off() {
    let mut lab = Lab::with_plan(vec![planned(1, 5, wifi())]);
    lab.play(s(2));
    lab.command(Command::SetWifi { light: light("a"), up: false });
    lab.play(s(100));
    assert!(lab.in_force(&wifi()) && !lab.has_wifi());
    lab.command(Command::SetWifi { light: light("a"), up: true });
    assert!(!lab.in_force(&wifi()) && lab.has_wifi());
}

#[test]
fn what_a_person_has_cleared_stays_cleared_until_somebody_injects_it_anew() {
    let mut lab = Lab::with_plan(vec![planned(1, 5, wifi()), planned(20, 5, wifi())]);
    lab.play(s(2));
    lab.command(Command::SetWifi { light: light("a"), up: true });
    lab.command(Command::SetWifi { light: light("a"), up: false });
    lab.command(Command::SetWifi { light: light("a"), up: true });
    lab.changes();
    lab.play(s(19));
    assert_eq!(lab.changes(), []);
    lab.play(s(21));
    assert!(!lab.has_wifi());
}

#[test]
fn a_person_may_switch_on_in_between_what_the_plan_injects_next() {
    let mut lab = Lab::with_plan(vec![planned(5, 5, wifi())]);
    lab.command(Command::SetWifi { light: light("a"), up: false });
    lab.play(s(11));
    assert!(!lab.has_wifi(), "switched off before the plan began, and after it ended");
}

#[test]
fn the_newest_parameters_apply_and_then_those_before_them_again() {
    let mut lab = Lab::with_plan(vec![planned(1, 60, latency(200))]);
    lab.play(s(10));
    lab.inject(latency(500), Some(s(5)));
    assert!(lab.in_force(&latency(500)) && !lab.in_force(&latency(200)));
    lab.play(s(15));
    assert!(lab.in_force(&latency(200)) && !lab.in_force(&latency(500)));
    let last = lab.effects.last().unwrap();
    assert!(
        matches!(last, Effect::LinkFault { spec, on: true, .. } if *spec == LinkFaultSpec::both_ways(Latency { ms: 200, jitter_ms: 0 }))
    );
    lab.play(s(61));
    assert_eq!(lab.engine.state.faults(), []);
}

#[test]
fn chaos_touches_no_fault_of_others_and_gives_up_what_others_inject() {
    let mut lab = Lab::new();
    lab.inject(Fault::on(light("b"), Silence), None);
    lab.command(Command::StartChaos { seed: Some(5), pace: s(1) });
    lab.changes();
    lab.play(s(300));
    let changes = lab.changes();
    assert!(changes.len() > 100);
    assert!(lab.in_force(&Fault::on(light("b"), Silence)), "a person injected it");
    // Whatever chaos holds now, a person takes over.
    let taken = loop {
        let held = lab.engine.state.faults().iter().find(|fault| **fault != Fault::on(light("b"), Silence));
        if let Some(held) = held.cloned() {
            break held;
        }
        let later = lab.engine.state.now() + s(1);
        lab.play(later);
    };
    lab.inject(taken.clone(), None);
    lab.command(Command::StopChaos);
    let mut left = lab.engine.state.faults().to_vec();
    left.sort_by_key(ToString::to_string);
    let mut wanted = vec![Fault::on(light("b"), Silence), taken];
    wanted.sort_by_key(ToString::to_string);
    assert_eq!(left, wanted);
    assert!(
        matches!(lab.told.last(), Some(EventKind::ChaosChanged { seed: None })),
        "told when all is cleared"
    );
}

#[test]
fn the_same_seed_of_chaos_means_the_same_effects() {
    let play = |seed| {
        let mut lab = Lab::new();
        lab.command(Command::StartChaos { seed: Some(seed), pace: s(2) });
        lab.play(s(200));
        lab.effects
    };
    assert_eq!(play(3), play(3));
    assert_ne!(play(3), play(4));
}

#[test]
fn a_fault_whose_effect_failed_is_not_told_of_as_in_force() {
    let mut lab = Lab::new();
    lab.broken = true;
    lab.inject(latency(200), Some(s(5)));
    lab.command(Command::StopBroker);
    assert_eq!(lab.engine.state.faults(), []);
    assert_eq!(lab.engine.next_deadline(), None, "what is not in force need not end");
    let notices = lab.notices();
    assert_eq!(notices[0], "latency cannot be injected: not to be had");
    assert_eq!(notices[1], "broker-down cannot be injected: not to be had");
    assert_eq!(lab.changes(), []);
}

#[test]
fn other_parameters_that_cannot_be_given_leave_the_fault_as_it_was() {
    let mut lab = Lab::new();
    lab.inject(latency(200), Some(s(60)));
    lab.broken = true;
    lab.inject(latency(500), None);
    assert!(lab.in_force(&latency(200)));
    lab.broken = false;
    lab.command(Command::ClearFaults);
    assert_eq!(lab.engine.state.faults(), []);
}

#[test]
fn a_broker_that_does_not_start_again_is_still_told_of_as_down_and_can_be_tried_again() {
    let mut lab = Lab::new();
    lab.inject(Fault::on_broker(BrokerDown), Some(s(5)));
    lab.broken = true;
    lab.play(s(6));
    assert!(lab.in_force(&Fault::on_broker(BrokerDown)));
    assert_eq!(lab.notices(), ["broker-down cannot be cleared: not to be had"]);
    lab.broken = false;
    lab.command(Command::StartBroker);
    assert_eq!(lab.engine.state.faults(), []);
}

#[test]
fn what_ends_while_it_is_being_injected_is_told_of_neither_way() {
    let mut lab = Lab::new();
    lab.engine.command(Command::InjectFault { fault: Fault::on(light("a"), Hang), lasts: None });
    let task = lab.engine.next_task().unwrap();
    // The light has started anew before the world says that it was asked to hang.
    lab.engine.fault_over(Fault::on(light("a"), Hang));
    lab.engine.performed(task, Ok(()));
    lab.take_events();
    assert_eq!(lab.changes(), []);
    assert_eq!(lab.engine.state.faults(), []);
}

#[test]
fn a_restart_ends_a_hang_whoever_injected_it_and_until_when() {
    let mut lab = Lab::with_plan(vec![planned(1, 50, Fault::on(light("a"), Hang))]);
    lab.play(s(2));
    lab.engine.fault_over(Fault::on(light("a"), Hang));
    lab.take_events();
    assert_eq!(lab.changes(), [("hang".to_owned(), true), ("hang".to_owned(), false)]);
    assert_eq!(lab.engine.next_deadline(), None);
}

#[test]
fn a_silence_by_command_ends_with_its_run_and_a_persons_does_not() {
    let mut lab = Lab::new();
    let silence = Fault::on(light("a"), Silence);
    lab.engine.log(&light("a"), &LogEvent::Obeys(Action::Silence));
    assert!(lab.in_force(&silence));
    lab.engine.fault_over(silence.clone());
    assert!(!lab.in_force(&silence));
    lab.engine.log(&light("a"), &LogEvent::Obeys(Action::Silence));
    lab.command(Command::SetSilence { light: light("a"), on: true });
    lab.engine.log(&light("a"), &LogEvent::Speaks);
    lab.engine.fault_over(silence.clone());
    assert!(lab.in_force(&silence), "a person asked for it");
    lab.command(Command::SetSilence { light: light("a"), on: false });
    assert!(!lab.in_force(&silence));
}

#[test]
fn a_light_that_goes_takes_its_faults_and_their_ends_along() {
    let mut lab = Lab::new();
    lab.inject(latency(200), Some(s(5)));
    lab.inject(Fault::on_broker(BrokerDown), Some(s(7)));
    lab.command(Command::RunLight { light: light("a"), on: false });
    lab.engine.light_removed(&light("a"));
    lab.notices();
    lab.play(s(6));
    assert_eq!(lab.notices(), [] as [&str; 0], "nothing is left to be ended of a light that has gone");
    lab.play(s(8));
    assert_eq!(lab.changes(), [("broker-down".to_owned(), false)]);
}

#[test]
fn other_commands_are_obeyed_while_a_light_says_goodbye_and_its_place_is_taken_after_that() {
    let mut lab = Lab::new();
    lab.command(Command::RunLight { light: light("a"), on: false });
    assert_eq!(lab.effects, [Effect::RetireLight(light("a"))]);
    lab.inject(wifi(), None);
    assert!(lab.notices()[0].contains("demo/a does not run in this program"));
    lab.command(Command::RunLight { light: light("a"), on: true });
    lab.command(Command::RebootLight { light: light("b") });
    assert_eq!(lab.effects.last(), Some(&Effect::Light(light("b"), LightCommand::Reboot)));
    lab.engine.light_removed(&light("a"));
    lab.perform();
    assert_eq!(lab.effects.last(), Some(&Effect::AddLight(light("a"))));
}

#[test]
fn a_board_is_told_for_how_long_and_its_fault_ends_at_its_time_alone() {
    let mut lab = Lab::new();
    lab.engine.state.light_is(&light("a"), LightKind::Board);
    lab.inject(wifi(), None);
    assert_eq!(
        lab.notices(),
        ["wifi-down cannot be injected: a board cannot be called back from it (help: say for how long)"]
    );
    lab.inject(wifi(), Some(s(10)));
    assert_eq!(
        lab.effects,
        [Effect::TellLight { light: light("a"), action: Action::WifiDown, ms: Some(10_000) }]
    );
    lab.inject(wifi(), Some(s(3)));
    lab.command(Command::ClearFault(wifi()));
    assert!(lab.notices().last().unwrap().contains("comes back by itself"));
    lab.play(s(9));
    assert!(lab.in_force(&wifi()));
    lab.play(s(10));
    assert!(!lab.in_force(&wifi()));
    assert_eq!(lab.effects.len(), 2, "it was told twice, and not called back");
}

#[test]
fn what_a_world_does_comes_in_the_order_in_which_it_was_asked_for() {
    let mut lab = Lab::new();
    lab.engine.command(Command::StopBroker);
    lab.engine.command(Command::StartBroker);
    lab.engine.command(Command::DropSession { light: light("b") });
    lab.perform();
    assert_eq!(
        lab.effects,
        [
            Effect::RunBroker(false),
            Effect::RunBroker(true),
            Effect::Light(light("b"), LightCommand::DropSession),
        ]
    );
    assert_eq!(lab.changes(), [], "what was cleared before it was done is told of neither way");
}

#[test]
fn whoever_floods_a_light_with_orders_is_not_obeyed_for_ever() {
    let mut lab = Lab::new();
    let obeyed = (0..1_000).filter(|_| lab.engine.order(&light("a"), HostCommand::DropSession)).count();
    assert_eq!(obeyed, 256);
}

#[test]
fn nothing_is_due_any_more_once_the_world_ends() {
    let mut lab = Lab::with_plan(vec![planned(10, 5, wifi())]);
    lab.inject(latency(5), Some(s(3)));
    lab.command(Command::StartChaos { seed: None, pace: s(1) });
    lab.engine.end();
    assert_eq!(lab.engine.next_deadline(), None);
}
