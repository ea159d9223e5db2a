//! Performs the engine's effects.

use tokio::sync::mpsc::error::TrySendError;

use super::Supervisor;
use crate::{
    model::{Diagnostic, LightId},
    world::{
        engine::{Effect, LightCommand, Task},
        observer::ObserverCommand,
        virtual_light::Request,
    },
};

impl Supervisor {
    /// Does what the engine asks for, and tells it what came of that.
    pub(super) async fn perform(&mut self, task: Task) {
        let result = match &task.effect {
            Effect::Light(light, command) => self.command_light(light, *command),
            Effect::LinkFault { light, spec, on } => match self.proxies.get(light) {
                Some(proxy) if *on => proxy.inject(*spec),
                Some(proxy) => {
                    proxy.clear(spec);
                    Ok(())
                }
                None => Err("its link has no proxy".into()),
            },
            Effect::DuplicateClient { light, on } => {
                self.set_duplicate_client(light, *on);
                Ok(())
            }
            Effect::RunBroker(on) => self.run_broker(*on).await,
            Effect::OpenBroker(login) => self.open_broker(login).await,
            Effect::CloseBroker => self.close_broker().await,
            Effect::SetQuota(per_minute) => match &self.limiter {
                Some(limiter) => {
                    limiter.set_quota(*per_minute);
                    Ok(())
                }
                None => Err("the broker is not part of this program".into()),
            },
            Effect::AddLight(light) => self.run_light(light),
            Effect::RetireLight(light) => {
                self.retire_light(light);
                Ok(())
            }
            Effect::SetForeign { light, foreign } => self.set_foreign(light, foreign.clone()),
            Effect::Survey(filter) => {
                self.run_survey(filter.as_deref());
                Ok(())
            }
            Effect::TellLight { .. } | Effect::Publish(_) | Effect::RequestRetained => {
                return self.let_observer(task);
            }
            Effect::StartRecording(file) => {
                self.start_recording(file.clone());
                Ok(())
            }
            Effect::StopRecording => {
                self.stop_recording();
                Ok(())
            }
            Effect::Report => {
                self.report();
                Ok(())
            }
        };
        self.bus.with(|engine| engine.performed(task, result));
    }

    fn command_light(&self, light: &LightId, command: LightCommand) -> Result<(), Diagnostic> {
        match self.lights.get(light).map(|running| running.commands.try_send(Request::Obey(command))) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(Diagnostic::new("it is busy", "try again in a moment")),
            Some(Err(TrySendError::Closed(_))) | None => {
                Err(Diagnostic::new("it has ended", "start the program again"))
            }
        }
    }

    /// The observer alone has a session of the world's own; it tells the engine what came of the task.
    fn let_observer(&self, task: Task) {
        let Err(error) = self.observer_commands.try_send(ObserverCommand::Perform(task)) else { return };
        let (TrySendError::Full(command) | TrySendError::Closed(command)) = error;
        if let ObserverCommand::Perform(task) = command {
            let reason = Diagnostic::new("too many commands at once", "try again");
            self.bus.with(|engine| engine.performed(task, Err(reason)));
        }
    }

    /// Tells once more what the engine does not know.
    pub(super) fn report(&self) {
        for running in self.lights.values() {
            // A light too busy to report does so at its next change.
            let _ = running.commands.try_send(Request::Report);
        }
        self.tell_of_recording();
    }
}
