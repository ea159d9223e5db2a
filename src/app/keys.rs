//! What the keys do. Single letters and digits act only while nothing has the keyboard, and can be switched off.

use std::time::Duration;

use egui::{Context, Event, Id, Key, Modifiers, Popup, Rect, ViewportCommand};

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

/// Who has the keyboard, as far as single letters must know.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    /// Whether somebody is writing, and may believe that a field still has the keyboard: a field had it last, or
    /// the pointer hit the ground beside one. Until Esc, or a click on anything.
    writes: bool,
    /// What had the focus in the frame before.
    focused: Option<Id>,
    /// Where the panel with fields was drawn in the frame before.
    pub(super) form: Option<Rect>,
}

impl Keyboard {
    /// Looks at what happened since the last frame; returns what had the focus and lost it by Esc.
    fn look(&mut self, ctx: &Context) -> Option<Id> {
        let focused = ctx.memory(egui::Memory::focused);
        let before = std::mem::replace(&mut self.focused, focused);
        let (clicked, at, escape) = ctx.input(|input| {
            let pointer = &input.pointer;
            (pointer.primary_released(), pointer.interact_pos(), input.key_pressed(Key::Escape))
        });
        if ctx.text_edit_focused() {
            self.writes = true;
        } else if escape {
            self.writes = false;
        } else if clicked {
            let on_something = ctx.interaction_snapshot(|interaction| interaction.clicked.is_some());
            let beside = self.form.zip(at).is_some_and(|(form, at)| form.contains(at));
            self.writes = beside && !on_something;
        }
        before.filter(|_| escape && focused.is_none())
    }
}

/// Takes a key that was pressed with exactly these modifiers: with others it is another shortcut.
fn take(ctx: &Context, modifiers: Modifiers, key: Key) -> bool {
    ctx.input_mut(|input| {
        let before = input.events.len();
        input.events.retain(|event| {
            !matches!(event, Event::Key { key: pressed, pressed: true, modifiers: held, .. }
                if *pressed == key && held.matches_exact(modifiers))
        });
        input.events.len() < before
    })
}

/// Takes a single letter or digit, once however long it is held, and with it the text that it would have typed.
fn take_letter(ctx: &Context, key: Key) -> bool {
    ctx.input_mut(|input| {
        let mut taken = false;
        // Some keyboards have digits behind Shift.
        let digit = NUMBERS.contains(&key);
        input.events.retain(|event| match event {
            Event::Key { key: pressed, pressed: true, modifiers, repeat, .. }
                if *pressed == key
                    && (modifiers.is_none() || digit && modifiers.matches_exact(Modifiers::SHIFT)) =>
            {
                taken |= !repeat;
                false
            }
            _ => true,
        });
        if taken {
            input
                .events
                .retain(|event| !matches!(event, Event::Text(text) if text.eq_ignore_ascii_case(key.name())));
        }
        taken
    })
}

pub(super) fn read(
    ctx: &Context,
    view: &ViewContext<'_>,
    junction: Option<&Junction>,
    help_open: bool,
    keyboard: &mut Keyboard,
) -> Actions {
    let mut actions = Actions::default();
    let left_by_esc = keyboard.look(ctx);
    let typing = ctx.text_edit_focused();
    if take(ctx, Modifiers::NONE, Key::F1) {
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
        if (panel != LeftPanel::Board || view.context.is_some()) && take(ctx, Modifiers::NONE, key) {
            actions.push(SettingsAction::ToggleLeft(panel));
        }
    }
    if take(ctx, Modifiers::COMMAND, Key::T) {
        actions.push(SettingsAction::ChooseTheme(view.palette.other_theme()));
    }
    if take(ctx, Modifiers::COMMAND, Key::M) {
        actions.push(SettingsAction::ReduceMotion(!view.settings.reduce_motion));
    }
    if take(ctx, Modifiers::COMMAND, Key::Q) {
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }
    if typing || help_open {
        return actions;
    }
    actions.append(escape(ctx, view, left_by_esc));
    // What has the keyboard may have a use for a key.
    let free = ctx.memory(|memory| memory.focused().is_none());
    let letters = free && view.settings.letter_keys && !keyboard.writes;
    let letter = |key: Key| letters && take_letter(ctx, key);
    if let Some(watched) = view.watched {
        let action = watched_key(watched, letter, |modifiers, key| free && take(ctx, modifiers, key));
        if let Some(action) = action {
            actions.push(action);
        }
    }
    if letter(Key::L) {
        ctx.memory_mut(|memory| memory.request_focus(event_log::filter_id()));
    }
    if letter(Key::B) {
        match &view.state.broker {
            Broker::Running { embedded: true, .. } => actions.push(Command::StopBroker),
            Broker::Stopped { .. } => actions.push(Command::StartBroker),
            Broker::Running { .. } | Broker::Starting | Broker::Unreachable { .. } => {}
        }
    }
    if let Some(junction) = junction {
        for (key, light) in NUMBERS.into_iter().zip(&junction.lights) {
            if letter(key) {
                actions.push(SelectionAction::Light(light.id.clone()));
            }
        }
        step_junction(view, junction, &|key| take(ctx, Modifiers::NONE, key), &mut actions);
    }
    if let Some(light) = view.selected.and_then(|id| view.state.light(id)).filter(|light| light.is_virtual())
    {
        let id = || light.id.clone();
        if letter(Key::W) {
            actions.push(Command::SetWifi { light: id(), up: light.wifi_cut });
        }
        if letter(Key::D) {
            actions.push(Command::DropSession { light: id() });
        }
        if letter(Key::S) {
            actions.push(Command::SetSilence { light: id(), on: !light.silenced });
        }
        if letter(Key::C) {
            actions.push(Command::CallLight { light: id() });
        }
        if letter(Key::R) {
            actions.push(Command::RebootLight { light: id() });
        }
    }
    actions
}

/// Esc does one thing at a time: it leaves what has the keyboard, and clears the filter where that is it; then it
/// clears the conflict; then the filter.
fn escape(ctx: &Context, view: &ViewContext<'_>, left: Option<Id>) -> Actions {
    let mut actions = Actions::default();
    if left.is_some_and(|left| left != event_log::filter_id()) || Popup::is_any_open(ctx) {
        return actions;
    }
    let conflict = left.is_none() && view.state.conflicts.pending().is_some();
    let filtered = !view.settings.filter.is_empty();
    if (conflict || filtered) && take(ctx, Modifiers::NONE, Key::Escape) {
        if conflict {
            actions.push(Action::AcknowledgeConflicts);
        } else {
            actions.push(SettingsAction::FilterLog(String::new()));
        }
    }
    actions
}

/// What a key asks of the player.
fn watched_key(
    watched: &Watched,
    letter: impl Fn(Key) -> bool,
    pressed: impl Fn(Modifiers, Key) -> bool,
) -> Option<PlayerAction> {
    let (progress, none) = (&watched.progress, Modifiers::NONE);
    if letter(Key::P) || pressed(none, Key::Space) {
        return Some(PlayerAction::PlayOrPause);
    }
    if pressed(Modifiers::SHIFT, Key::ArrowRight) {
        return Some(PlayerAction::Step);
    }
    if letter(Key::N) || pressed(none, Key::ArrowRight) {
        return Some(PlayerAction::StepToLamp);
    }
    if pressed(none, Key::ArrowLeft) {
        return Some(PlayerAction::Seek(progress.at.saturating_sub(BACK)));
    }
    if pressed(none, Key::Home) {
        return Some(PlayerAction::Seek(Duration::ZERO));
    }
    if pressed(none, Key::ArrowUp) {
        return Some(PlayerAction::Faster);
    }
    if pressed(none, Key::ArrowDown) {
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
