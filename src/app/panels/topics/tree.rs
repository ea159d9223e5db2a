//! The tree of topics. Rows are made for what is open, and laid out for what is in sight.

use std::{collections::BTreeSet, sync::Arc};

use egui::{
    Align, Label, Layout, RichText, Role, Sense, Ui, WidgetInfo, collapsing_header::paint_default_icon, vec2,
};

use super::many;
use crate::app::{
    action::Actions,
    state::{Topic, Topics},
    topics::{TopicBrowser, TopicsAction},
    view::ViewContext,
    widgets,
};

pub(super) const ROW_HEIGHT: f32 = 24.0;
const INDENT: f32 = 14.0;
/// With more topics than this, levels below the first are closed until somebody opens them.
const MANY_TOPICS: usize = 64;
/// Letters of a value that are laid out; the rest would be out of sight.
const SHOWN_LETTERS: usize = 160;

/// One line of the tree.
pub(super) enum Row<'a> {
    /// A level with topics below it.
    Level {
        path: String,
        depth: usize,
        open: bool,
        /// Topics below it.
        topics: usize,
    },
    Topic {
        name: &'a Arc<str>,
        depth: usize,
        topic: &'a Topic,
    },
}

/// The lines for what `needle`, in lower case, is held by. With a needle, all levels are open.
pub(super) fn rows<'a>(topics: &'a Topics, needle: &str, toggled: &BTreeSet<String>) -> Vec<Row<'a>> {
    let usually_open = topics.len() <= MANY_TOPICS;
    let holds = |name: &str, topic: &Topic| {
        needle.is_empty()
            || name.to_ascii_lowercase().contains(needle)
            || topic.last().is_some_and(|value| value.payload.to_ascii_lowercase().contains(needle))
    };
    let fitting: Vec<_> = topics.iter().filter(|(name, topic)| holds(name, topic)).collect();
    let mut rows = Vec::new();
    // The levels that the last topic was in, and whether all of them so far are open.
    let mut inside: Vec<(String, bool)> = Vec::new();
    for (place, (name, topic)) in fitting.iter().enumerate() {
        let levels = name.matches('/').count();
        let path_of =
            |depth: usize| name.match_indices('/').nth(depth).map_or(&***name, |(at, _)| &name[..at]);
        let known = inside
            .iter()
            .enumerate()
            .take_while(|(depth, (path, _))| *depth < levels && path_of(*depth) == path);
        let known = known.count();
        inside.truncate(known);
        for depth in known..levels {
            let path = path_of(depth).to_owned();
            let in_sight = inside.last().is_none_or(|(_, open)| *open);
            let usual = !needle.is_empty() || usually_open || depth == 0;
            let open = (usual != (toggled.contains(&path) && needle.is_empty())) && in_sight;
            if in_sight {
                let below =
                    |name: &str| name.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'));
                let topics = fitting.iter().skip(place).take_while(|(name, _)| below(name)).count();
                rows.push(Row::Level { path: path.clone(), depth, open, topics });
            }
            inside.push((path, open));
        }
        if inside.last().is_none_or(|(_, open)| *open) {
            rows.push(Row::Topic { name, depth: levels, topic });
        }
    }
    rows
}

pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, browser: &TopicBrowser, row: &Row<'_>) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        ui.set_height(ROW_HEIGHT);
        match row {
            Row::Level { path, depth, open, topics } => {
                ui.add_space(*depth as f32 * INDENT);
                let last = path.rsplit('/').next().unwrap_or(path);
                let (_, icon) = ui.allocate_exact_size(vec2(11.0, 11.0), Sense::hover());
                paint_default_icon(ui, if *open { 1.0 } else { 0.0 }, &icon);
                let response = ui.selectable_label(false, last);
                response.widget_info(|| {
                    let mut info = WidgetInfo::labeled(Role::Button, true, format!("Topics below {path}"));
                    info.selected = Some(*open);
                    info
                });
                if response.clicked() {
                    actions.push(TopicsAction::ToggleLevel(path.clone()));
                }
                if !open {
                    widgets::caption(ui, many(*topics as u64, "topic"), view.palette);
                }
            }
            Row::Topic { name, depth, topic } => {
                actions.append(leaf(ui, view, browser, (name, *depth, topic)));
            }
        }
    });
    actions
}

fn leaf(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    browser: &TopicBrowser,
    (name, depth, topic): (&Arc<str>, usize, &Topic),
) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    ui.add_space(depth as f32 * INDENT);
    let last = name.rsplit('/').next().unwrap_or(name);
    let selected = browser.selected.as_ref() == Some(name);
    let text = RichText::new(last).strong();
    if widgets::selectable(ui, selected, text, Role::RadioButton, format!("Topic {name}")).clicked() {
        actions.push(TopicsAction::Select((*name).clone()));
    }
    let Some(value) = topic.last() else { return actions };
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        widgets::caption(ui, format!("{:.1}/s", topic.per_second(view.now_ms)), palette);
        if topic.retained_at_ms.is_some() {
            let why =
                "The broker delivered a retained message here: whoever subscribes now gets one at once.";
            widgets::chip(ui, "retained", palette.accent, palette).on_hover_text(why);
        }
        let why = "Quality of service with which it came here: at most 1, whatever it was sent with.";
        widgets::caption(ui, format!("QoS {}", value.qos), palette).on_hover_text(why);
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let text = match value.payload.char_indices().nth(SHOWN_LETTERS) {
                _ if value.bytes == 0 => "(empty)",
                Some((at, _)) => &value.payload[..at],
                None => &value.payload,
            };
            let text = RichText::new(text.replace(char::is_control, " ")).monospace().color(palette.weak);
            ui.add(Label::new(text).truncate());
        });
    });
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::state::State,
        world::{Event, EventKind},
    };

    fn state(names: &[&str]) -> State {
        let mut state = State::default();
        for name in names {
            let (topic, payload, bytes) = ((*name).into(), "{\"aspect\":\"Green\"}".into(), 18);
            let kind = EventKind::TopicHeard { topic, payload, bytes, retained: false, qos: 1 };
            state.apply(&Event { at: std::time::Duration::from_secs(1), kind });
        }
        state
    }

    fn drawn(state: &State, needle: &str, turned: &[&str]) -> Vec<String> {
        let turned = turned.iter().map(|path| (*path).to_owned()).collect();
        rows(&state.topics, needle, &turned)
            .into_iter()
            .map(|row| match row {
                Row::Level { path, depth, open, topics } => {
                    let last = path.rsplit('/').next().unwrap().to_owned();
                    format!("{}{}{last} {topics}", " ".repeat(depth), if open { "-" } else { "+" })
                }
                Row::Topic { name, depth, .. } => {
                    format!("{}{}", " ".repeat(depth), name.rsplit('/').next().unwrap())
                }
            })
            .collect()
    }

    #[test]
    fn levels_are_told_once_and_can_be_closed() {
        let state = state(&["t/a-b/x", "t/a/state", "t/a/status", "t/a", "u"]);
        assert_eq!(
            drawn(&state, "", &[]),
            ["-t 4", " a", " -a-b 1", "  x", " -a 2", "  state", "  status", "u"]
        );
        assert_eq!(drawn(&state, "", &["t/a"]), ["-t 4", " a", " -a-b 1", "  x", " +a 2", "u"]);
        assert_eq!(drawn(&state, "", &["t"]), ["+t 4", "u"]);
    }

    #[test]
    fn a_filter_looks_into_names_and_values_and_opens_what_was_closed() {
        let state = state(&["t/a/state", "t/b/cmd"]);
        assert_eq!(drawn(&state, "b/c", &["t"]), ["-t 1", " -b 1", "  cmd"]);
        assert_eq!(drawn(&state, "green", &[]).len(), 5);
        assert_eq!(drawn(&state, "purple", &[]), Vec::<String>::new());
    }

    #[test]
    fn many_topics_begin_closed_below_the_first_level() {
        let names: Vec<_> = (100..200).map(|number| format!("t/p-{number}/state")).collect();
        let state = state(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(drawn(&state, "", &[]).len(), 101);
        assert_eq!(drawn(&state, "", &["t/p-150"])[51..53], [" -p-150 1", "  state"]);
    }
}
