//! What the broker panel asks for, done by the app.

use std::sync::Arc;

use egui::Context;

use super::{
    Brokers, BrokersAction, Choice, Patient,
    checkup::{Checkup, Whom},
    switch::{News, Started},
};
use crate::{
    app::{
        TwinlightApp,
        board::{Workbench, form::Form},
        clock::Clock,
        panels::{self, topics},
        player::PlayerAction,
        state::Broker,
        window,
        world_client::WorldClient,
    },
    config::BrokerChoice,
    doctor,
    world::event::Severity,
};

/// Why no other broker can be used while a board is worked on.
pub const BOARD_WORKS: &str =
    "A board is being worked on; let that finish first, or break it off in the board panel.";

impl TwinlightApp {
    /// With these brokers to choose from.
    #[must_use]
    pub fn with_brokers(mut self, brokers: Brokers) -> TwinlightApp {
        self.brokers = brokers;
        self
    }

    /// The brokers to choose from, and what is known of them; for tests.
    #[must_use]
    pub fn brokers(&self) -> &Brokers {
        &self.brokers
    }

    pub(in crate::app) fn perform_brokers(&mut self, ctx: &Context, action: BrokersAction) {
        match action {
            BrokersAction::Check(patient) => {
                // One that went on before is ended by being dropped.
                self.brokers.checkup = None;
                let wake = Arc::new(window::waker(ctx));
                match self.whom(patient).and_then(|whom| Checkup::begin(whom, wake)) {
                    Ok(checkup) => self.brokers.checkup = Some((patient, checkup)),
                    Err(text) => self.note(Severity::Warning, text),
                }
            }
            BrokersAction::CancelCheck => {
                if let Some((_, checkup)) = &mut self.brokers.checkup {
                    checkup.cancel();
                }
            }
            BrokersAction::DismissCheck => self.brokers.checkup = None,
            BrokersAction::Use(choice) => {
                if let Err(text) = self.ask_for(choice) {
                    self.brokers.trouble = Some(text.to_owned());
                }
            }
            BrokersAction::Dismiss => self.brokers.trouble = None,
        }
    }

    /// Takes in what doctor and switch have to tell.
    pub(in crate::app) fn serve_brokers(&mut self, ctx: &Context) {
        if let Some((_, checkup)) = &mut self.brokers.checkup {
            checkup.drain();
        }
        while let Some(news) = self.brokers.next_news() {
            match news {
                News::Stage(text) => self.brokers.working = Some(text.to_owned()),
                News::Over(started, trouble) => {
                    self.brokers.working = None;
                    if let Some(started) = started {
                        self.take_over(ctx, *started);
                    }
                    if let Some(text) = &trouble {
                        self.live.note(Severity::Error, text.clone());
                    }
                    self.brokers.trouble = trouble;
                }
            }
        }
    }

    fn whom(&self, patient: Patient) -> Result<Whom, String> {
        match patient {
            Patient::Preset(place) => {
                let entry = self.brokers.entries.get(place).ok_or("There is no such broker in the list.")?;
                Ok(Whom::Of(entry.preset, self.brokers.typed.clone()))
            }
            Patient::InUse => {
                let config =
                    self.brokers.config.as_ref().ok_or("It is not known which broker this window shows.")?;
                if let Some(patient) = doctor::Target::of(config) {
                    return Ok(Whom::Known(Box::new(patient)));
                }
                let Broker::Running { address, open, .. } = &self.live.state.broker else {
                    return Err("The broker does not run. Start it first, with the button above.".to_owned());
                };
                let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
                let port = port.ok_or_else(|| format!("{address} has no port to be examined at."))?;
                let mut patient = doctor::Target::embedded(config, port);
                // Opened for boards, it wants the login that they were given.
                let own = matches!(&config.broker, BrokerChoice::Embedded { login: Some(_), .. });
                if *open && !own {
                    patient.login = self.bench.as_ref().and_then(|bench| bench.login.clone());
                }
                Ok(Whom::Known(Box::new(patient)))
            }
        }
    }

    fn ask_for(&mut self, choice: Choice) -> Result<(), &'static str> {
        if self.bench.as_ref().is_some_and(Workbench::works) {
            return Err(BOARD_WORKS);
        }
        let preset = match choice {
            Choice::Start => None,
            Choice::Preset(place) => {
                let entry = self.brokers.entries.get(place).ok_or("There is no such broker in the list.")?;
                Some((entry.preset, self.brokers.typed.clone()))
            }
        };
        let switch =
            self.brokers.switch.as_ref().ok_or("This window cannot change the lab that it shows.")?;
        if self.brokers.working.is_some() || !switch.ask(choice, preset) {
            return Err("Another change goes on. Try again in a moment.");
        }
        self.brokers.trouble = None;
        self.brokers.working = Some("Changing the broker…".to_owned());
        Ok(())
    }

    /// Shows the world that was started; nothing of the one before is left.
    fn take_over(&mut self, ctx: &Context, started: Started) {
        let Started { choice, subtitle, link, config, lab } = started;
        self.perform_player(ctx, PlayerAction::Leave);
        self.live = WorldClient::new(link, Clock::monotonic());
        self.brokers.in_use = match (choice, self.brokers.start) {
            (Choice::Start, Some(place)) => Choice::Preset(place),
            (choice, _) => choice,
        };
        self.brokers.config = Some(config);
        // What was found out about the broker of before is not about this one.
        self.brokers.checkup.take_if(|(patient, _)| *patient == Patient::InUse);
        self.subtitle = subtitle;
        self.open = None;
        self.selected = None;
        self.draft = panels::faults::Draft::default();
        self.topics = topics::TopicBrowser::default();
        let lab = Arc::new(lab);
        if let Some(bench) = &mut self.bench {
            let mut form = Form::new(&lab, &bench.form.remembered());
            form.addresses = std::mem::take(&mut bench.form.addresses);
            form.settings.wifi_password = std::mem::take(&mut bench.form.settings.wifi_password);
            bench.form = form;
            bench.login.clone_from(&lab.login);
            bench.code = None;
            bench.lab = lab.clone();
            self.lab = Some(lab);
        }
    }
}
