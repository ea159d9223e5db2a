//! How far the job is, what it asks, and how it ended.

use egui::{Frame, Margin, ProgressBar, RichText, Stroke, Ui};

use super::by_hand;
use crate::{
    app::{
        action::Actions,
        board::{
            BoardAction,
            state::{BoardState, End, Job},
        },
        labels,
        repaint::RepaintScheduler,
        view::ViewContext,
        widgets,
    },
    board::{
        Answer, BoardInfo, JobKind, Outcome, Progress, Step,
        job_event::{Identity, Written},
    },
};

/// Where the command line lists the ports; the window lists them itself.
const COMMAND_LINE_LIST: &str = "\"twinlight ports\" lists what is there";

/// Shows the job that runs, or the report of the last one.
pub(super) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    state: &BoardState,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let mut actions = Actions::default();
    let Some(job) = &state.job else { return actions };
    let palette = view.palette;
    let edge = match &job.end {
        None => palette.accent,
        Some(End::Done(_)) => palette.ok,
        Some(End::Failed { cancelled: true, .. }) => palette.warn,
        Some(End::Failed { .. }) => palette.bad,
    };
    let frame = Frame::new().fill(palette.card).stroke(Stroke::new(1.5, edge)).corner_radius(9);
    frame.inner_margin(Margin::same(10)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        match &job.end {
            None => actions.append(running(ui, view, job, repaint)),
            Some(end) => actions.append(ended(ui, view, job, end)),
        }
    });
    actions
}

fn running(ui: &mut Ui, view: &ViewContext<'_>, job: &Job, repaint: &mut RepaintScheduler) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("{} on {}", doing(job.kind), job.port)).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let name = if job.cancelling { "Cancelling…" } else { "Cancel" };
            let cancel = ui.add_enabled(!job.cancelling, egui::Button::new(name));
            let why = "Ends after the block that it is at. The board can be flashed again.";
            if cancel.on_hover_text(why).clicked() {
                actions.push(BoardAction::Cancel);
            }
        });
    });
    if let Some(board) = &job.board {
        widgets::caption(ui, describe(board), palette);
    }
    let step = job.step();
    if let Some(step) = step {
        ui.label(format!("{} … (step {} of {})", doing_step(step), job.steps.len(), steps_in_all(job)));
    }
    if let Some(progress) = &job.progress {
        bar(ui, progress);
    } else if step == Some(Step::Enter) {
        if let Some(waited) = job.waiting {
            by_hand::show(ui, view);
            let text = format!("Waiting for the chip… {} s", waited.as_secs());
            ui.label(RichText::new(text).color(palette.warn));
            repaint.within(500);
        }
    } else {
        ui.add(ProgressBar::new(0.0).desired_height(8.0));
    }
    notes(ui, view, job);
    if let Some(question) = &job.question {
        ui.add_space(4.0);
        ui.label(RichText::new(format!("{}.", question.text())).color(palette.warn));
        ui.horizontal(|ui| {
            if widgets::named_button(ui, "No, leave it", "No, leave it").clicked() {
                actions.push(BoardAction::Answer(Answer::No));
            }
            if widgets::named_button(ui, "Yes, write it", "Yes, write it").clicked() {
                actions.push(BoardAction::Answer(Answer::Yes));
            }
        });
    }
    actions
}

fn bar(ui: &mut Ui, progress: &Progress) {
    let share = if progress.total == 0 { 0.0 } else { progress.done as f32 / progress.total as f32 };
    let left = progress.left.map(|left| format!(" · {} left", span(left))).unwrap_or_default();
    let text = format!("{} of {} KiB{left}", progress.done / 1_024, progress.total.div_ceil(1_024));
    let response = ui.add(ProgressBar::new(share).desired_height(18.0).text(text.as_str()));
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::ProgressIndicator, true, &text);
        info.value = Some(f64::from(share));
        info
    });
}

fn notes(ui: &mut Ui, view: &ViewContext<'_>, job: &Job) {
    for note in &job.notes {
        widgets::caption(ui, labels::sentence(note), view.palette);
    }
}

fn ended(ui: &mut Ui, view: &ViewContext<'_>, job: &Job, end: &End) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let (title, color) = match end {
        End::Done(_) => ("Done", palette.ok),
        End::Failed { cancelled: true, .. } => ("Cancelled", palette.warn),
        End::Failed { .. } => ("Failed", palette.bad),
    };
    ui.horizontal(|ui| {
        ui.label(
            RichText::new(format!("{title}: {} on {}", doing(job.kind).to_lowercase(), job.port))
                .color(color)
                .strong(),
        );
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::named_button(ui, "OK", "Put the report away").clicked() {
                actions.push(BoardAction::DismissReport);
            }
        });
    });
    match end {
        End::Done(outcome) => {
            for line in report(outcome) {
                ui.label(line);
            }
        }
        End::Failed { what, advice, .. } => {
            ui.label(format!("{}.", labels::sentence(what)));
            let advice = advice.replace(COMMAND_LINE_LIST, "The list below shows what is there");
            ui.label(format!("{}.", labels::sentence(&advice)));
        }
    }
    notes(ui, view, job);
    if let Some(backup) = &job.backup {
        let text = format!("The backup is in {}", backup.file.display());
        widgets::caption(ui, text, palette).on_hover_text(format!("SHA-256 {}", backup.sha256));
    }
    actions
}

/// What a job came to, in sentences.
fn report(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Examined(board) => vec![format!("It is {}.", describe(board))],
        Outcome::Flashed(written) | Outcome::Provisioned(written) => vec![amount(written), started(written)],
        Outcome::BackedUp(backup) => {
            vec![format!("{} KiB are in {}.", backup.size / 1_024, backup.file.display())]
        }
        Outcome::Restored { written, identity } => {
            let identity = match identity {
                Identity::Equal => "Pycom's block is the same in the backup.",
                Identity::Written => "Pycom's block was written, as you confirmed.",
                Identity::LeftAlone => "Pycom's block differs and was left as it is.",
                Identity::NotHeld => "The backup does not hold Pycom's block.",
            };
            vec![amount(written), identity.to_owned(), started(written)]
        }
        Outcome::Reset => vec!["The board was reset.".to_owned()],
    }
}

fn amount(written: &Written) -> String {
    let unchanged = match written.skipped.div_ceil(1_024) {
        0 => String::new(),
        kib => format!(", {kib} KiB unchanged"),
    };
    format!(
        "{} KiB written{unchanged}; everything is verified. It took {}.",
        written.written.div_ceil(1_024),
        span(written.took)
    )
}

fn started(written: &Written) -> String {
    if written.started {
        "The board has started. It joins within some seconds.".to_owned()
    } else {
        "Now take the jumper off and press the reset button: that starts it.".to_owned()
    }
}

fn describe(board: &BoardInfo) -> String {
    format!(
        "{} revision {}.{} · {} · {} MB of flash · {} baud{}",
        board.chip,
        board.revision.0,
        board.revision.1,
        board.mac,
        board.flash_bytes / 1_048_576,
        board.baud,
        if board.stub { "" } else { " · without the stub" }
    )
}

fn span(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => "less than a second".to_owned(),
        1..=90 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn doing_step(step: Step) -> &'static str {
    match step {
        Step::Enter => "Connecting",
        Step::Examine => "Examining",
        Step::BackUp => "Backing up",
        Step::Compare => "Comparing",
        Step::Write => "Writing",
        Step::Verify => "Verifying",
        Step::Start => "Starting the program",
    }
}

/// How many steps the job has. A backup is made before the board is compared, if it is made at all.
fn steps_in_all(job: &Job) -> usize {
    let backs_up = !job.steps.contains(&Step::Compare) || job.steps.contains(&Step::BackUp);
    match job.kind {
        JobKind::Examine => 3,
        JobKind::Reset => 2,
        JobKind::BackUp => 4,
        JobKind::Provision | JobKind::Restore => 6,
        JobKind::Flash => 6 + usize::from(backs_up),
    }
    .max(job.steps.len())
}

fn doing(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Examine => "Examining the board",
        JobKind::Flash => "Flashing the board",
        JobKind::Provision => "Writing the settings",
        JobKind::BackUp => "Backing up",
        JobKind::Restore => "Restoring",
        JobKind::Reset => "Resetting the board",
    }
}
