//! The engine of a world, without I/O, clock and randomness of its own: [`Command`]s and the time go in,
//! [`Effect`]s and events come out. The live world and the simulated one perform its effects, say what came
//! of them, and decide nothing themselves.
//!
//! | module | one idea |
//! | --- | --- |
//! | `state` | what is true, and the events that tell of it |
//! | `effect` | what a world does for its engine; which effect a fault has |
//! | `holds` | who holds which fault in force, and until when |
//! | `faults` | injecting and clearing |
//! | `chaos` | the chaos switch |
//! | `foreign` | what foreign lights say and are told, and what becomes of their sessions |
//! | `cause` | why a foreign light was in conflict |
//! | `lights` | lights come, go, start anew, and are told what to do |
//! | `repeats` | messages that are ignored, summed up where they are many |
//! | `setting` | what it must know of the configuration |
//!
//! # Who ends a fault
//!
//! Whoever injects a fault holds it in force: a person, the plan, chaos, a command over MQTT. Each hold has
//! parameters, and an end or none. The fault is in force while anybody holds it.
//!
//! - A hold ends at its own time and ends nothing else. So a fault that is injected again is not ended by
//!   the time of the one before, of overlapping ones the last to end ends it, and a planned fault that is over
//!   leaves alone what a person has switched meanwhile.
//! - The parameters of the newest hold apply; when it ends, those of the one before apply again.
//! - Whoever clears a fault by hand clears all its holds, and none comes back: what a person has switched
//!   stays as it is until somebody injects the fault anew.
//! - Chaos touches no fault that is held, and clears only what it still holds. A fault that anybody else
//!   injects meanwhile no longer belongs to chaos.
//! - A restart ends a hang, and the silence that a command asked for. A light that goes takes its faults and
//!   their ends along.
//! - A board is told for how long, and nobody can call it back: such a fault ends at its time alone.
//!
//! A fault is told of as in force once its effect has been performed, and as ended once that has been undone.

mod cause;
mod chaos;
mod effect;
mod faults;
mod foreign;
mod holds;
mod lights;
mod repeats;
mod setting;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use simulation::Rng;

pub use self::cause::Cause;
use self::{
    chaos::ActiveChaos,
    effect::action_words,
    holds::{Holds, Source},
    setting::Setting,
};
pub(crate) use self::{
    effect::{Effect, LightCommand, NotSent, Task},
    state::WorldState,
};
use super::{Command, command::ByHand, event::Severity};
use crate::{
    config::Config,
    fault::{BrokerDown, Fault, PlannedFault, Silence, WifiDown},
    model::{Diagnostic, LightId},
};

/// The book of one world: what is true, who holds which fault, what is planned. One world owns it, and calls
/// it for each thing that happens and at [`Engine::next_deadline`].
pub(crate) struct Engine {
    pub(crate) state: WorldState,
    setting: Setting,
    holds: Holds,
    /// What is still to come, in the order of its times.
    plan: VecDeque<PlannedFault>,
    chaos: Option<ActiveChaos>,
    /// Lights whose link's faults can be injected here.
    proxied: BTreeSet<LightId>,
    /// Lights that are saying goodbye, and whether they are to run again after that.
    leaving: BTreeMap<LightId, bool>,
    queue: VecDeque<Queued>,
    rng: Rng,
}

/// What waits for its turn.
enum Queued {
    Task(Task),
    /// Told when all that was asked for before it has been done.
    ChaosChanged(Option<u64>),
}

impl Engine {
    /// The engine of a world with this configuration, before its first light. `own_broker`: the broker is
    /// part of the world. `seed` serves where chaos is to find a seed by itself.
    pub(crate) fn new(config: &Config, own_broker: bool, seed: u64) -> Engine {
        let mut plan = config.faults.clone();
        plan.sort_by_key(|planned| planned.at);
        Engine {
            state: WorldState::default(),
            setting: Setting::of(config, own_broker),
            holds: Holds::default(),
            plan: plan.into(),
            chaos: None,
            proxied: BTreeSet::new(),
            leaving: BTreeMap::new(),
            queue: VecDeque::new(),
            rng: Rng::new(seed, 0xE6),
        }
    }

    pub(crate) fn command(&mut self, command: Command) {
        match command {
            Command::SetWifi { light, up } => self.switch(Fault::on(light, WifiDown), !up),
            Command::SetSilence { light, on } => self.switch(Fault::on(light, Silence), on),
            Command::StopBroker => self.switch(Fault::on_broker(BrokerDown), true),
            Command::StartBroker => self.switch(Fault::on_broker(BrokerDown), false),
            Command::InjectFault { fault, lasts } => self.inject(fault, lasts, Source::User),
            Command::ClearFault(fault) => self.clear(&fault),
            Command::ClearFaults => self.clear_all(),
            Command::StartChaos { seed, pace } => self.start_chaos(seed, pace),
            Command::StopChaos => self.stop_chaos(),
            Command::DropSession { light } => self.do_to_light(light, LightCommand::DropSession),
            Command::RebootLight { light } => self.do_to_light(light, LightCommand::Reboot),
            Command::CallLight { light } => self.do_to_light(light, LightCommand::Call),
            Command::RunLight { light, on: true } => self.run_light(light),
            Command::RunLight { light, on: false } => self.retire_light(light),
            Command::SetForeign { light, foreign } => self.set_foreign(light, foreign),
            Command::Survey { filter } => self.perform(Effect::Survey(filter)),
            Command::TellLight { light, action, ms } => self.perform(Effect::TellLight { light, action, ms }),
            Command::Publish(message) => self.perform(Effect::Publish(message)),
            Command::RequestRetained => self.perform(Effect::RequestRetained),
            Command::LetBoardsJoin { login } => {
                let refused = if self.setting.is_account {
                    Diagnostic::new(
                        "this broker is an account with a user and key of its own",
                        "write lan = true into [broker] and start again",
                    )
                } else if !self.setting.own_broker {
                    Diagnostic::new("the broker is not part of this program", "open it where it runs")
                } else {
                    return self.perform(Effect::OpenBroker(login));
                };
                self.state.notice(Severity::Warning, None, refused.one_line());
            }
            Command::CloseToBoards => self.perform(Effect::CloseBroker),
            Command::StartRecording { file } => self.perform(Effect::StartRecording(file)),
            Command::StopRecording => self.perform(Effect::StopRecording),
            Command::Resync => {
                self.state.tell_all();
                self.perform(Effect::Report);
            }
            // The world ends, and its engine with it.
            Command::Shutdown => {}
        }
    }

    fn switch(&mut self, fault: Fault, on: bool) {
        if on { self.inject(fault, None, Source::User) } else { self.clear(&fault) }
    }

    /// When [`Engine::tick`] has something to do though nothing else happens.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let planned = self.plan.front().map(|planned| planned.at);
        let chaos = self.chaos.as_ref().map(ActiveChaos::due_at);
        [self.state.due_at(), self.holds.next_end(), planned, chaos].into_iter().flatten().min()
    }

    /// Does what is due by now: what is over ends first, then what comes begins.
    pub(crate) fn tick(&mut self) {
        let now = self.state.now();
        self.state.judge();
        self.state.sum_up();
        for fault in self.holds.end(|hold| hold.until.is_some_and(|until| until <= now)) {
            self.hold_ended(fault);
        }
        while let Some(planned) = self.plan.pop_front_if(|planned| planned.at <= now) {
            self.inject(planned.fault, planned.lasts, Source::Plan);
        }
        self.play_chaos();
    }

    /// The world ends: nothing is due any more but what the monitor has to say.
    pub(crate) fn end(&mut self) {
        self.plan.clear();
        self.chaos = None;
        self.holds.end(|_| true);
        self.queue.clear();
        self.state.sum_up_all();
    }

    /// Whether [`Engine::next_task`] has something.
    pub(crate) fn has_tasks(&self) -> bool {
        !self.queue.is_empty()
    }

    /// What the world is to do next, in the order in which it was asked for.
    pub(crate) fn next_task(&mut self) -> Option<Task> {
        loop {
            match self.queue.pop_front()? {
                Queued::Task(task) => return Some(task),
                Queued::ChaosChanged(seed) => self.state.chaos_changed(seed),
            }
        }
    }

    /// What came of a task. Only now is a fault told of as in force, or as ended.
    pub(crate) fn performed(&mut self, task: Task, result: Result<(), Diagnostic>) {
        let Task { effect, change } = task;
        if let (Effect::TellLight { light, action, .. }, Ok(())) = (&effect, &result) {
            let text = format!("{light} was asked: {}", action_words(*action));
            self.state.notice(Severity::Info, Some(light), text);
        }
        match (change, effect, result) {
            (Some(change), _, result) => self.fault_performed(change, result),
            (None, effect @ (Effect::OpenBroker(_) | Effect::CloseBroker), Ok(())) => {
                if effect == Effect::CloseBroker {
                    self.setting.has_login = self.setting.had_login.take().unwrap_or(self.setting.has_login);
                } else {
                    self.setting.had_login.get_or_insert(self.setting.has_login);
                    self.setting.has_login = true;
                }
                self.holds.clear(&Fault::on_broker(BrokerDown));
                self.state.fault_changed(Fault::on_broker(BrokerDown), false);
            }
            (None, Effect::Publish(ByHand { topic, payload, retain, qos }), Ok(())) => {
                let (bytes, kept) = (payload.len(), if retain { ", to be kept" } else { "" });
                let text = format!("published {bytes} bytes on {topic}, QoS {qos}{kept}");
                self.state.notice(Severity::Info, None, text);
            }
            (None, Effect::SetForeign { light, foreign }, Ok(())) => self.foreign_set(&light, foreign),
            (None, _, Ok(())) => {}
            (None, effect, Err(reason)) => {
                let reason = reason.one_line();
                let (severity, text) = match &effect {
                    Effect::Light(light, _) => (Severity::Warning, format!("{light}: {reason}")),
                    Effect::TellLight { light, .. } => {
                        (Severity::Warning, format!("{light} cannot be asked: {reason}"))
                    }
                    Effect::Publish(_) => (Severity::Warning, format!("nothing was published: {reason}")),
                    Effect::RequestRetained => (Severity::Warning, reason),
                    _ => (Severity::Error, reason),
                };
                self.state.notice(severity, effect.light(), text);
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        self.push(Task { effect, change: None });
    }

    fn push(&mut self, task: Task) {
        self.queue.push_back(Queued::Task(task));
    }
}
