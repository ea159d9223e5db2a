//! What the keys do. Letters act only while no text is being typed.

use std::time::Duration;

use egui::{Context, Key, Modifiers, ViewportCommand};

use crate::{
    app::{
        action::{Action, Actions},
        panels::event_log,
        player::{BACK, PlayerAction, Watched},
        selection::SelectionAction,
        settings::{LeftPanel, SettingsAction},
        state::{Broker, Junction},
        view::ViewContext,
    },
    world::Command,
};

const NUMBERS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

pub(super) fn read(
    ctx: &Context,
    view: &ViewContext<'_>,
    junction: Option<&Junction>,
    help_open: bool,
) -> Actions {
    let mut actions = Actions::default();
    let typing = ctx.text_edit_focused();
    let taken = |modifiers: Modifiers, key: Key| ctx.input_mut(|input| input.consume_key(modifiers, key));
    if taken(Modifiers::NONE, Key::F1) {
        actions.push(Action::ShowHelp(!help_open));
    }
    for (key, panel) in [
        (Key::F2, LeftPanel::Board),
        (Key::F3, LeftPanel::Faults),
        (Key::F4, LeftPanel::Lessons),
        (Key::F5, LeftPanel::Topics),
        (Key::F6, LeftPanel::Brokers),
        (Key::F7, LeftPanel::OwnLight),
        (Key::F8, LeftPanel::ForeignLight),
    ] {
        if (panel != LeftPanel::Board || view.context.is_some()) && taken(Modifiers::NONE, key) {
            actions.push(SettingsAction::ToggleLeft(panel));
        }
    }
    if taken(Modifiers::COMMAND, Key::T) {
        actions.push(SettingsAction::ChooseTheme(view.palette.other_theme()));
    }
    if taken(Modifiers::COMMAND, Key::M) {
        actions.push(SettingsAction::ReduceMotion(!view.settings.reduce_motion));
    }
    if taken(Modifiers::COMMAND, Key::Q) {
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }
    if typing || help_open {
        return actions;
    }
    if let Some(watched) = view.watched {
        // The keys that also move the keyboard's focus and press what has it.
        let free = ctx.memory(|memory| memory.focused().is_none());
        let action = watched_key(watched, |modifiers, key, always| (always || free) && taken(modifiers, key));
        if let Some(action) = action {
            actions.push(action);
        }
    }
    // A modifier held means another program's or egui's shortcut.
    let pressed = |key: Key| taken(Modifiers::NONE, key);
    if view.state.conflicts.pending().is_some() && pressed(Key::Escape) {
        actions.push(Action::AcknowledgeConflicts);
    }
    if pressed(Key::L) {
        ctx.memory_mut(|memory| memory.request_focus(event_log::filter_id()));
    }
    if pressed(Key::B) {
        match &view.state.broker {
            Broker::Running { embedded: true, .. } => actions.push(Command::StopBroker),
            Broker::Stopped { .. } => actions.push(Command::StartBroker),
            Broker::Running { .. } | Broker::Starting => {}
        }
    }
    if let Some(junction) = junction {
        for (key, light) in NUMBERS.into_iter().zip(&junction.lights) {
            if pressed(key) {
                actions.push(SelectionAction::Light(light.id.clone()));
            }
        }
        step_junction(view, junction, &pressed, &mut actions);
    }
    if let Some(light) = view.selected.and_then(|id| view.state.light(id)).filter(|light| light.is_virtual())
    {
        let id = || light.id.clone();
        if pressed(Key::W) {
            actions.push(Command::SetWifi { light: id(), up: light.wifi_cut });
        }
        if pressed(Key::D) {
            actions.push(Command::DropSession { light: id() });
        }
        if pressed(Key::S) {
            actions.push(Command::SetSilence { light: id(), on: !light.silenced });
        }
        if pressed(Key::C) {
            actions.push(Command::CallLight { light: id() });
        }
        if pressed(Key::R) {
            actions.push(Command::RebootLight { light: id() });
        }
    }
    actions
}

/// What a key asks of the player; `pressed` also takes whether the key acts wherever the focus is.
fn watched_key(watched: &Watched, pressed: impl Fn(Modifiers, Key, bool) -> bool) -> Option<PlayerAction> {
    let (progress, none) = (&watched.progress, Modifiers::NONE);
    if pressed(none, Key::P, true) || pressed(none, Key::Space, false) {
        return Some(PlayerAction::PlayOrPause);
    }
    if pressed(Modifiers::SHIFT, Key::ArrowRight, false) {
        return Some(PlayerAction::Step);
    }
    if pressed(none, Key::N, true) || pressed(none, Key::ArrowRight, false) {
        return Some(PlayerAction::StepToLamp);
    }
    if pressed(none, Key::ArrowLeft, false) {
        return Some(PlayerAction::Seek(progress.at.saturating_sub(BACK)));
    }
    if pressed(none, Key::Home, false) {
        return Some(PlayerAction::Seek(Duration::ZERO));
    }
    if pressed(none, Key::ArrowUp, false) {
        return Some(PlayerAction::Faster);
    }
    if pressed(none, Key::ArrowDown, false) {
        return Some(PlayerAction::Slower);
    }
    None
}

fn step_junction(
    view: &ViewContext<'_>,
    junction: &Junction,
    pressed: &impl Fn(Key) -> bool,
    actions: &mut Actions,
) {
    let junctions = &view.state.junctions;
    let Some(place) = view.state.place_of(&junction.name) else { return };
    let next = if pressed(Key::PageDown) {
        place + 1
    } else if pressed(Key::PageUp) {
        place.wrapping_sub(1)
    } else {
        return;
    };
    if let Some(next) = junctions.get(next) {
        actions.push(SelectionAction::Junction(next.name.clone()));
    }
}
