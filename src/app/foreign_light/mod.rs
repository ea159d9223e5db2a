//! A light becomes somebody else's, in the window: what speaks on the broker beside this program's lights, what is typed,
//! checked as it is typed, and kept in a file.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`form`] | what is typed, and what a configuration says of it |
//! | `saving` | the configuration with it in a file |

pub(super) mod form;
mod saving;

use std::{path::PathBuf, sync::Arc};

use traffic_light::Foreign;

pub(super) use self::saving::Saved;
use self::{
    form::{Checked, ForeignLightForm, Marks, is_like_a_light},
    saving::{SaveRequest, Saving},
};
use super::{brokers::variables::Variables, state::State};
use crate::{
    config::{BrokerChoice, Config, Source, is_public},
    model::{Diagnostic, LightId},
    world::{
        Command, Waker,
        event::{Survey, SurveyTopic},
    },
};

/// Matches everything but what begins with `$`.
const EVERYTHING: &str = "#";

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ForeignLightAction {
    /// Listen to what matches the filter that was typed.
    Listen,
    /// Take this light of the configuration.
    Choose(LightId),
    /// Fill in what was heard on this topic.
    Take(Box<SurveyTopic>),
    /// Fill in the topic on which it expects its partner.
    Hears(String),
    /// Let the running world take what is filled in.
    Apply,
    /// Run this light here again.
    GiveBack(LightId),
    /// Start the live lab anew with what is filled in.
    Restart,
    Save {
        /// Whether a file of that name may be replaced.
        replace: bool,
    },
}

/// A topic that something is said on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub topic: SurveyTopic,
    /// Whether that is a usual word for a light.
    pub is_like_a_light: bool,
}

/// A change that the world was asked for.
#[derive(Debug)]
struct Pending {
    light: LightId,
    foreign: Option<Foreign>,
    config: Arc<Config>,
}

/// Owns the form and what goes with it.
#[derive(Debug, Default)]
pub(super) struct ForeignLights {
    pub form: ForeignLightForm,
    /// What is to be listened to, as it is typed.
    pub filter: String,
    pub file: String,
    pub checked: Checked,
    pub marks: Marks,
    /// Those that speak like a light first.
    pub candidates: Vec<Candidate>,
    /// What came of the file.
    pub saved: Option<Saved>,
    /// What `checked` is of.
    checked_of: Option<(ForeignLightForm, Arc<Config>)>,
    survey: Option<Arc<Survey>>,
    /// The last one of what was listened to before.
    stale: Option<Arc<Survey>>,
    /// The filter that a person has agreed to.
    wanted: Option<String>,
    /// What the world was last asked to listen to.
    asked: Option<String>,
    /// Whether a filter was proposed.
    proposed: bool,
    saving: Option<Saving>,
    pending: Option<Pending>,
}

impl ForeignLights {
    /// What the world is to be told, so that it listens as long as the panel is open.
    pub(super) fn listen(&mut self, open: bool, config: &Config) -> Option<Command> {
        if open && !self.proposed {
            self.proposed = true;
            let filter = match (&config.feeds, &config.broker) {
                (Some(feeds), _) => format!("{}/feeds/+", feeds.user),
                // All that passes a public broker is more than anybody asked for.
                (None, BrokerChoice::External { host, .. }) if is_public(host) => String::new(),
                (None, _) => EVERYTHING.to_owned(),
            };
            self.wanted = Some(filter.clone()).filter(|filter| !filter.is_empty());
            self.filter = filter;
        }
        let wanted = self.wanted.clone().filter(|_| open);
        if wanted == self.asked {
            return None;
        }
        self.asked.clone_from(&wanted);
        // What is listened to anew begins with nothing.
        self.stale = self.survey.take().or(self.stale.take());
        self.candidates.clear();
        Some(Command::Survey { filter: wanted })
    }

    /// Another world runs, which was asked for nothing yet.
    pub(super) fn restart(&mut self) {
        (self.asked, self.proposed, self.pending) = (None, false, None);
        (self.survey, self.stale) = (None, None);
        self.candidates.clear();
    }

    /// Brings what follows from form, survey and configuration up to date.
    pub(super) fn fill_in(&mut self, state: &State, config: &Arc<Config>) {
        let known = |light: &LightId| config.junction(&light.junction).is_some();
        if !self.form.light.as_ref().is_some_and(known) {
            self.form.light = proposed_light(config);
            self.file = self.form.light.as_ref().map(usual_file).unwrap_or_default();
        }
        let fresh =
            |(form, of): &(ForeignLightForm, Arc<Config>)| *form == self.form && Arc::ptr_eq(of, config);
        if !self.checked_of.as_ref().is_some_and(fresh) {
            self.checked = Checked::of(&self.form, config);
            self.checked_of = Some((self.form.clone(), config.clone()));
        }
        let is_old = |survey: &&Arc<Survey>| self.stale.as_ref().is_some_and(|old| Arc::ptr_eq(old, survey));
        let Some(survey) = state.survey.as_ref().filter(|survey| !is_old(survey)) else { return };
        if !self.survey.as_ref().is_some_and(|known| Arc::ptr_eq(known, survey)) {
            self.survey = Some(survey.clone());
            let topics = survey.topics.iter().cloned();
            self.candidates =
                topics.map(|topic| Candidate { is_like_a_light: is_like_a_light(&topic), topic }).collect();
            self.candidates.sort_by_key(|candidate| !candidate.is_like_a_light);
        }
    }

    /// Takes in what came of the file and of the change that the world was asked for; returns the configuration that
    /// it runs on since.
    pub(super) fn drain(&mut self, state: &State) -> Option<Arc<Config>> {
        if let Some(saved) = self.saving.as_ref().and_then(Saving::done) {
            (self.saving, self.saved) = (None, Some(saved));
        }
        let Pending { light, foreign, .. } = self.pending.as_ref()?;
        let now = state.light(light).and_then(|light| light.foreign.as_deref()).map(|known| &known.foreign);
        let done = now == foreign.as_ref() && state.light(light).is_some();
        self.pending.take_if(|_| done).map(|pending| pending.config)
    }

    /// Does what the panel asks for within the window; returns what the world is to do.
    pub(super) fn perform(&mut self, action: &ForeignLightAction, config: &Config) -> Option<Command> {
        match action {
            ForeignLightAction::Listen => {
                self.wanted = Some(self.filter.trim().to_owned()).filter(|filter| !filter.is_empty());
            }
            ForeignLightAction::Choose(light) => {
                if self.file == self.form.light.as_ref().map(usual_file).unwrap_or_default() {
                    self.file = usual_file(light);
                }
                let known =
                    config.junction(&light.junction).and_then(|junction| junction.foreign(&light.light));
                if let Some(foreign) = known {
                    self.form.fill_in(foreign);
                    self.marks.all = true;
                }
                self.form.light = Some(light.clone());
            }
            ForeignLightAction::Take(topic) => {
                self.form.take(topic);
                // What could not be filled in is to be typed.
                self.marks.all = true;
            }
            ForeignLightAction::Hears(topic) => self.form.hears.clone_from(topic),
            ForeignLightAction::Apply => {
                self.marks.all = true;
                let light = self.form.light.clone()?;
                let foreign = self.checked.foreign(&light)?.clone();
                let config = self.checked.config.clone()?;
                self.pending = Some(Pending { light: light.clone(), foreign: Some(foreign.clone()), config });
                return Some(Command::SetForeign { light, foreign: Some(Box::new(foreign)) });
            }
            ForeignLightAction::GiveBack(light) => {
                let mut config = config.clone();
                let junction = config.junctions.iter_mut().find(|known| *known.name() == light.junction)?;
                junction.set_foreign(&light.light, None);
                let light = light.clone();
                self.pending =
                    Some(Pending { light: light.clone(), foreign: None, config: Arc::new(config) });
                return Some(Command::SetForeign { light, foreign: None });
            }
            // These take more than this controller has.
            ForeignLightAction::Restart | ForeignLightAction::Save { .. } => {}
        }
        None
    }

    /// Writes the configuration that came from `source`, with what is filled in, to the file that was named.
    pub(super) fn save(&mut self, replace: bool, source: Option<Source>, typed: Variables, wake: Waker) {
        self.saved = None;
        self.marks.all = true;
        let (Some(config), Some(source)) = (self.checked.config.clone(), source) else { return };
        let file = PathBuf::from(self.file.trim());
        match Saving::begin(SaveRequest { source, config, file, replace, typed }, wake) {
            Ok(saving) => self.saving = Some(saving),
            Err(wrong) => self.saved = Some(Saved::Failed(wrong)),
        }
    }

    /// Why the running world cannot take what is filled in; `None` where it can.
    #[must_use]
    pub(super) fn why_not_now(&self, state: &State, config: &Config) -> Option<Diagnostic> {
        if config.feeds.is_some() {
            let message = "the lights of this account share its quota, so none may change while they run";
            return Some(Diagnostic::new(message, "restart with this configuration"));
        }
        if state.recording.is_some() {
            let message = "a recording is of one configuration";
            return Some(Diagnostic::new(message, "end the recording, or restart with this configuration"));
        }
        None
    }

    /// Whether the world was asked for a change that has not come about yet.
    #[must_use]
    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    #[must_use]
    pub(super) fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// What is listened to, as the world tells.
    #[must_use]
    pub(super) fn survey(&self) -> Option<&Survey> {
        self.survey.as_deref().filter(|survey| Some(&survey.filter) == self.asked.as_ref())
    }
}

/// The lights that somebody else's can take the place of: those with one partner.
pub(super) fn eligible(config: &Config) -> impl Iterator<Item = LightId> {
    config
        .junctions
        .iter()
        .filter(|junction| junction.lights().len() == 2)
        .flat_map(|junction| junction.light_ids().collect::<Vec<_>>())
}

/// One that does not run here first, else the second of a pair.
fn proposed_light(config: &Config) -> Option<LightId> {
    let runs = |light: &LightId| {
        config.junction(&light.junction).is_some_and(|junction| junction.runs(&light.light))
    };
    eligible(config).find(|light| !runs(light)).or_else(|| eligible(config).nth(1))
}

fn usual_file(light: &LightId) -> String {
    format!("{}-with-{}.toml", light.junction, light.light)
}
