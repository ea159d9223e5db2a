//! The brokers that can be chosen in the window: what each needs, a look at it by the doctor, and the
//! change of the live lab to it.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`facts`] | what the text of a preset says of its broker |
//! | [`variables`] | what was typed for the variables of presets, in memory alone |
//! | [`diagnosis`] | the doctor at work, on a thread of its own |
//! | [`world_switcher`] | ends one live world and starts another, beside the window |

pub mod diagnosis;
pub mod facts;
pub mod variables;
pub mod world_switcher;

use std::sync::Arc;

use self::{
    diagnosis::{Diagnosis, Subject},
    facts::Facts,
    variables::Variables,
    world_switcher::{ChangeEvent, ChangeRequest, Choice, StartedWorld, Wanted, WorldSwitcher},
};
use super::state::State;
use crate::{
    config::{BrokerChoice, Config, Source},
    doctor,
    model::Login,
    presets::Preset,
    world::Waker,
};

/// The preset that needs nothing but this program.
const BUILT_IN: &str = "default";

/// Why no other broker can be used while a board is worked on.
pub const BOARD_WORKS: &str =
    "A board is being worked on. Let that finish first, or cancel it in the board panel.";

/// Why no other broker can be used at all.
pub const NO_SWITCHER: &str = "This window cannot change the lab that it shows.";

/// Which broker the doctor examines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckTarget {
    /// The one that the live lab is on now.
    InUse,
    /// That of a preset, by its place in the list.
    Preset(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokersAction {
    /// Let the doctor examine this broker.
    Check(CheckTarget),
    CancelCheck,
    /// Put what the doctor found away.
    DismissCheck,
    /// Run the live lab on this configuration.
    Use(Choice),
    /// Put the message about the last change away.
    DismissError,
}

#[derive(Debug)]
pub struct Entry {
    pub preset: Preset,
    /// What its text says of its broker.
    pub facts: Facts,
}

/// What the window knows of the brokers that can be chosen.
#[derive(Debug)]
pub struct BrokerList {
    /// What can be chosen, in the order of the list.
    pub entries: Vec<Entry>,
    /// What the live lab runs on.
    pub in_use: Choice,
    /// What the program was started with, in a few words.
    pub started_with: String,
    /// The doctor's work, going on or done, and on which broker.
    pub diagnosis: Option<(CheckTarget, Diagnosis)>,
    /// The stage of the change that goes on.
    pub working: Option<String>,
    /// Why the last change did not come about.
    pub error: Option<String>,
    /// Whether the live lab can be changed at all.
    pub can_switch: bool,
    /// What the program was started with, where it is one of the list.
    start: Option<usize>,
    /// The configuration of the live lab, where that is known.
    config: Option<Arc<Config>>,
    /// Where the one came from that the program was started with.
    start_source: Option<Source>,
}

/// What the world and the boards are at, as far as a change of the broker has to know.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    pub live: &'a State,
    /// Whether a board is being worked on, which no change may interrupt.
    pub board_works: bool,
    /// What boards log in with at the broker in this program.
    pub board_login: Option<&'a Login>,
}

/// Owns the list, what is typed for it, and the way to change the live world.
#[derive(Debug)]
pub struct BrokerController {
    pub list: BrokerList,
    /// What is typed for the variables of presets; the panel edits its texts.
    pub form: Variables,
    switcher: Option<WorldSwitcher>,
}

impl BrokerList {
    /// Whether the program was started with a configuration that is not in the list.
    #[must_use]
    pub fn has_start(&self) -> bool {
        self.can_switch && self.start.is_none()
    }

    /// The way back to the broker inside this program, while the live lab is on one that runs elsewhere.
    #[must_use]
    pub fn built_in(&self) -> Option<Choice> {
        let broker = &self.config.as_ref()?.broker;
        let away = matches!(broker, BrokerChoice::External { .. });
        self.place(BUILT_IN).map(Choice::Preset).filter(|_| away)
    }

    /// The configuration of the live lab, where that is known.
    #[must_use]
    pub fn config(&self) -> Option<Arc<Config>> {
        self.config.clone()
    }

    /// Where that came from, before it was changed in the window.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        match self.in_use {
            Choice::Preset(place) if self.start != Some(place) => {
                self.entries.get(place).map(|entry| Source::Text(entry.preset.text))
            }
            _ => self.start_source.clone(),
        }
    }

    /// The live lab goes on with a configuration that was changed while it runs.
    pub fn changed_to(&mut self, config: Arc<Config>) {
        self.config = Some(config);
    }

    /// Whether it is known what the live lab runs on.
    #[must_use]
    pub fn knows_in_use(&self) -> bool {
        self.config.is_some()
    }

    /// Why the live lab cannot be started anew now.
    #[must_use]
    pub fn why_not_now(&self, board_works: bool) -> Option<&'static str> {
        if !self.can_switch {
            Some(NO_SWITCHER)
        } else if board_works {
            Some(BOARD_WORKS)
        } else if self.working.is_some() {
            Some("The broker is being changed already.")
        } else {
            None
        }
    }

    /// What the list calls a choice.
    #[must_use]
    pub fn title(&self, choice: Choice) -> &str {
        match choice {
            Choice::Start => &self.started_with,
            Choice::Preset(place) => self.entries.get(place).map_or("", |entry| entry.preset.title),
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.preset.name == name)
    }

    fn preset(&self, place: usize) -> Result<Preset, &'static str> {
        self.entries.get(place).map(|entry| entry.preset).ok_or("There is no such broker in the list.")
    }
}

impl BrokerController {
    /// A list of these presets, in a window that cannot change its world.
    #[must_use]
    pub fn new(presets: &[Preset]) -> BrokerController {
        let entries: Vec<_> =
            presets.iter().map(|preset| Entry { preset: *preset, facts: Facts::of(preset) }).collect();
        let form = Variables::new(entries.iter().flat_map(|entry| entry.preset.needs));
        let list = BrokerList {
            entries,
            in_use: Choice::Start,
            started_with: String::new(),
            diagnosis: None,
            working: None,
            error: None,
            can_switch: false,
            start: None,
            config: None,
            start_source: None,
        };
        BrokerController { list, form, switcher: None }
    }

    /// With a switcher, so that the live lab can be changed.
    #[must_use]
    pub fn with_switcher(mut self, switcher: WorldSwitcher) -> BrokerController {
        let list = &mut self.list;
        list.started_with = switcher.subtitle().to_owned();
        list.config = Some(switcher.config());
        list.start_source = Some(switcher.source().clone());
        let named = list.started_with.strip_prefix(world_switcher::PRESET);
        let named = named.or((*switcher.config() == Config::default()).then_some(BUILT_IN));
        list.start = named.and_then(|name| list.place(name));
        list.in_use = list.start.map_or(Choice::Start, Choice::Preset);
        list.can_switch = true;
        self.switcher = Some(switcher);
        self
    }

    /// Does what the panel asks for. `wake` is called after each piece of a diagnosis.
    ///
    /// # Errors
    /// A sentence for the user where the doctor cannot begin.
    pub fn perform(
        &mut self,
        action: BrokersAction,
        around: &Surroundings<'_>,
        wake: Waker,
    ) -> Result<(), String> {
        let list = &mut self.list;
        match action {
            BrokersAction::Check(target) => {
                // One that went on before is ended by being dropped.
                list.diagnosis = None;
                let subject = self.subject(target, around)?;
                self.list.diagnosis = Some((target, Diagnosis::begin(subject, wake)?));
            }
            BrokersAction::CancelCheck => {
                if let Some((_, diagnosis)) = &mut list.diagnosis {
                    diagnosis.cancel();
                }
            }
            BrokersAction::DismissCheck => list.diagnosis = None,
            BrokersAction::Use(choice) => {
                self.list.error = self.ask_for(choice, around.board_works).err().map(str::to_owned);
            }
            BrokersAction::DismissError => list.error = None,
        }
        Ok(())
    }

    /// Takes in what doctor and switcher have to tell; returns the world that was started and what went
    /// wrong, where a change is over.
    pub fn drain(&mut self) -> Option<(Option<Box<StartedWorld>>, Option<String>)> {
        let list = &mut self.list;
        if let Some((_, diagnosis)) = &mut list.diagnosis {
            diagnosis.drain();
        }
        loop {
            match self.switcher.as_mut()?.next_event()? {
                ChangeEvent::StageBegan(text) => list.working = Some(text.to_owned()),
                ChangeEvent::Over(started, error) => {
                    list.working = None;
                    list.error.clone_from(&error);
                    if let Some(started) = &started {
                        list.took_over(started);
                    }
                    return Some((started, error));
                }
            }
        }
    }

    fn subject(&self, target: CheckTarget, around: &Surroundings<'_>) -> Result<Subject, String> {
        if let CheckTarget::Preset(place) = target {
            return Ok(Subject::Of(self.list.preset(place)?, self.form.clone()));
        }
        let config = self.list.config.as_ref().ok_or("It is not known which broker this window shows.")?;
        if let Some(broker) = doctor::Target::of(config) {
            return Ok(Subject::Known(Box::new(broker)));
        }
        let port = around.live.broker.embedded_port();
        let port = port.ok_or("The broker does not run. Start it first, with the button above.")?;
        let mut broker = doctor::Target::embedded(config, port);
        // Opened for boards, it wants the login that they were given.
        let own = matches!(&config.broker, BrokerChoice::Embedded { login: Some(_), .. });
        if around.live.broker.is_open() && !own {
            broker.login = around.board_login.cloned();
        }
        Ok(Subject::Known(Box::new(broker)))
    }

    fn ask_for(&mut self, choice: Choice, board_works: bool) -> Result<(), &'static str> {
        let wanted = match choice {
            Choice::Start => Wanted::Start,
            Choice::Preset(place) => Wanted::Preset(self.list.preset(place)?, self.form.clone()),
        };
        self.ask(ChangeRequest { choice, wanted }, board_works)
    }

    /// Starts the live lab anew on what it runs on now, as `config` has changed that.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn restart_with(&mut self, config: Arc<Config>, board_works: bool) -> Result<(), &'static str> {
        let choice = self.list.in_use;
        self.ask(ChangeRequest { choice, wanted: Wanted::Config(config) }, board_works)
    }

    fn ask(&mut self, request: ChangeRequest, board_works: bool) -> Result<(), &'static str> {
        if board_works {
            return Err(BOARD_WORKS);
        }
        let switcher = self.switcher.as_ref().ok_or(NO_SWITCHER)?;
        if self.list.working.is_some() || !switcher.ask(request) {
            return Err("Another change goes on. Try again in a moment.");
        }
        self.list.working = Some("Changing the broker…".to_owned());
        Ok(())
    }
}

impl BrokerList {
    fn took_over(&mut self, started: &StartedWorld) {
        self.in_use = match (started.choice, self.start) {
            (Choice::Start, Some(place)) => Choice::Preset(place),
            (choice, _) => choice,
        };
        self.config = Some(started.config.clone());
        // What was found out about the broker of before is not about this one.
        self.diagnosis.take_if(|(target, _)| *target == CheckTarget::InUse);
    }

    /// The variables that a preset needs and `form` does not have.
    #[must_use]
    pub fn missing(&self, place: usize, form: &Variables) -> Vec<&'static str> {
        let needs = self.entries.get(place).map_or(&[][..], |entry| entry.preset.needs);
        needs.iter().copied().filter(|name| !form.has(name)).collect()
    }
}
