//! A light becomes somebody else's while the world runs, or no more; and what speaks on the broker beside its lights is
//! listened to.

use rand::RngExt;
use tokio::sync::mpsc::error::TrySendError;
use traffic_light::{Foreign, mqtt::client_id};

use super::Supervisor;
use crate::{
    model::{Diagnostic, LightId},
    world::{
        client::{self, ClientSpec},
        observer::ObserverCommand,
        surveyor,
    },
};

impl Supervisor {
    /// Lets configuration, broker, observer and ports take `light` for somebody else's, or no more.
    pub(super) fn set_foreign(
        &mut self,
        light: &LightId,
        foreign: Option<Box<Foreign>>,
    ) -> Result<(), Diagnostic> {
        if self.recorder.as_ref().is_some_and(|recorder| !recorder.has_ended()) {
            let message = "a recording is of one configuration, so none may change while it goes on";
            return Err(Diagnostic::new(message, "end the recording first"));
        }
        let told = ObserverCommand::SetForeign(light.clone(), foreign.clone());
        match self.observer_commands.try_send(told) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                return Err(Diagnostic::new("too many commands at once", "try again"));
            }
        }
        let foreign = foreign.map(|foreign| *foreign);
        let junction = self.config.junctions.iter_mut().find(|known| *known.name() == light.junction);
        if let Some(junction) = junction {
            junction.set_foreign(&light.light, foreign.clone());
        }
        if let Some(clients) = &self.clients {
            clients.set_light(light, foreign.clone());
        }
        if foreign.is_some() {
            // The proxy of one that runs here goes with it.
            if !self.lights.contains_key(light) {
                self.open_new_board_port(light);
            }
        } else if let Some(place) = self.board_ports.iter().position(|known| known == light) {
            self.board_ports.swap_remove(place);
            self.proxies.remove(light);
        }
        Ok(())
    }

    /// Listens to what matches `filter`, or no more.
    pub(super) fn run_survey(&mut self, filter: Option<&str>) {
        // One that went on before is ended first.
        self.survey = None;
        let Some(filter) = filter else { return };
        let name = format!("{:08x}", self.random.random::<u32>());
        let client = client::start(ClientSpec {
            client_id: client_id(self.config.root.as_str(), "survey", &name).to_string(),
            subscriptions: vec![filter.to_owned()],
            seed: self.random.random(),
            ..self.spec.clone()
        });
        let (own, clients) = (self.topics.clone(), self.clients.clone());
        self.survey = Some(surveyor::start(filter.to_owned(), client, own, clients, self.bus.clone()));
    }
}
