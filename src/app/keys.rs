//! What the keys do. Letters act only while no text is being typed.

use std::time::Duration;

use egui::{Context, Key, Modifiers, ViewportCommand};

use super::{
    act::{Act, Acts},
    panels::{Shown, event_log},
    player::{BACK, PlayerAct, Watched},
    settings::Part,
    state::{Broker, Junction},
};
use crate::world::Command;

const NUMBERS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

/// Reads the keys of this frame.
pub(super) fn read(ctx: &Context, shown: &Shown<'_>, junction: Option<&Junction>, help_open: bool) -> Acts {
    let mut acts = Acts::default();
    let typing = ctx.text_edit_focused();
    let taken = |modifiers: Modifiers, key: Key| ctx.input_mut(|input| input.consume_key(modifiers, key));
    if taken(Modifiers::NONE, Key::F1) {
        acts.push(Act::Help(!help_open));
    }
    if shown.lab.is_some() && taken(Modifiers::NONE, Key::F2) {
        acts.push(Act::Toggle(Part::Board));
    }
    if taken(Modifiers::NONE, Key::F3) {
        acts.push(Act::Toggle(Part::Faults));
    }
    if taken(Modifiers::NONE, Key::F4) {
        acts.push(Act::Toggle(Part::Lessons));
    }
    if taken(Modifiers::NONE, Key::F5) {
        acts.push(Act::Toggle(Part::Topics));
    }
    if taken(Modifiers::NONE, Key::F6) {
        acts.push(Act::Toggle(Part::Brokers));
    }
    if taken(Modifiers::COMMAND, Key::T) {
        acts.push(Act::SwitchTheme);
    }
    if taken(Modifiers::COMMAND, Key::M) {
        acts.push(Act::ReduceMotion(!shown.settings.reduce_motion));
    }
    if taken(Modifiers::COMMAND, Key::Q) {
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }
    if typing || help_open {
        return acts;
    }
    if let Some(watched) = shown.watched {
        // The keys that also move the keyboard's focus and press what has it.
        let free = ctx.memory(|memory| memory.focused().is_none());
        let act = watched_key(watched, |modifiers, key, always| (always || free) && taken(modifiers, key));
        if let Some(act) = act {
            acts.push(Act::Player(act));
        }
    }
    // A modifier held means another program's or egui's shortcut.
    let pressed = |key: Key| taken(Modifiers::NONE, key);
    if shown.state.conflicts.pending().is_some() && pressed(Key::Escape) {
        acts.push(Act::AcknowledgeConflicts);
    }
    if pressed(Key::L) {
        ctx.memory_mut(|memory| memory.request_focus(event_log::filter_id()));
    }
    if pressed(Key::B) {
        match &shown.state.broker {
            Broker::Running { embedded: true, .. } => acts.ask(Command::StopBroker),
            Broker::Stopped { .. } => acts.ask(Command::StartBroker),
            Broker::Running { .. } | Broker::Starting => {}
        }
    }
    if let Some(junction) = junction {
        for (key, light) in NUMBERS.into_iter().zip(&junction.lights) {
            if pressed(key) {
                acts.push(Act::Select(light.id.clone()));
            }
        }
        step_junction(shown, junction, &pressed, &mut acts);
    }
    if let Some(light) =
        shown.selected.and_then(|id| shown.state.light(id)).filter(|light| light.is_virtual())
    {
        let id = || light.id.clone();
        if pressed(Key::W) {
            acts.ask(Command::SetWifi { light: id(), up: light.wifi_cut });
        }
        if pressed(Key::D) {
            acts.ask(Command::DropSession { light: id() });
        }
        if pressed(Key::S) {
            acts.ask(Command::SetSilence { light: id(), on: !light.silenced });
        }
        if pressed(Key::C) {
            acts.ask(Command::CallLight { light: id() });
        }
        if pressed(Key::R) {
            acts.ask(Command::RebootLight { light: id() });
        }
    }
    acts
}

/// What a key asks of the player; `pressed` also takes whether the key acts wherever the focus is.
fn watched_key(watched: &Watched, pressed: impl Fn(Modifiers, Key, bool) -> bool) -> Option<PlayerAct> {
    let (progress, none) = (&watched.progress, Modifiers::NONE);
    if pressed(none, Key::P, true) || pressed(none, Key::Space, false) {
        return Some(PlayerAct::PlayOrPause);
    }
    if pressed(Modifiers::SHIFT, Key::ArrowRight, false) {
        return Some(PlayerAct::Step);
    }
    if pressed(none, Key::N, true) || pressed(none, Key::ArrowRight, false) {
        return Some(PlayerAct::StepToLamp);
    }
    if pressed(none, Key::ArrowLeft, false) {
        return Some(PlayerAct::GoTo(progress.at.saturating_sub(BACK)));
    }
    if pressed(none, Key::Home, false) {
        return Some(PlayerAct::GoTo(Duration::ZERO));
    }
    if pressed(none, Key::ArrowUp, false) {
        return Some(PlayerAct::Faster);
    }
    if pressed(none, Key::ArrowDown, false) {
        return Some(PlayerAct::Slower);
    }
    None
}

fn step_junction(shown: &Shown<'_>, junction: &Junction, pressed: &impl Fn(Key) -> bool, acts: &mut Acts) {
    let junctions = &shown.state.junctions;
    let Some(place) = shown.state.place_of(&junction.name) else { return };
    let next = if pressed(Key::PageDown) {
        place + 1
    } else if pressed(Key::PageUp) {
        place.wrapping_sub(1)
    } else {
        return;
    };
    if let Some(next) = junctions.get(next) {
        acts.push(Act::Open(next.name.clone()));
    }
}
