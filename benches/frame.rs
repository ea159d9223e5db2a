//! What one frame of the window costs the processor: events taken in, all panels, tessellation.
//! Not the drawing, which is the graphics card's.
//!
//! `cargo bench --bench frame` prints a table; the target is under 4 ms at 50 lights.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/script/mod.rs"]
mod script;

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use eframe::App as _;
use egui::{Pos2, RawInput, Rect, vec2};
use script::Script;
use tokio::sync::{broadcast, mpsc};
use twinlight::app::{
    TwinlightApp,
    clock::Clock,
    settings::{LeftPanel, Settings},
    world_client::WorldLink,
};

const FRAMES: u64 = 600;
const FRAME_MS: u64 = 33;

struct Cost {
    events: u64,
    sorted_us: Vec<u128>,
}

fn main() {
    println!(
        "{:>6} {:>8} {:>13} {:>9} {:>9} {:>9}",
        "lights", "screen", "events/frame", "p50 ms", "p99 ms", "max ms"
    );
    for lights in [2, 50, 500] {
        let small = vec2(1_440.0, 900.0);
        for (name, size, topics) in
            [("1440x900", small, false), ("4K", vec2(3_840.0, 2_160.0), false), ("+ topics", small, true)]
        {
            let cost = measure(lights, size, topics);
            let at = |share: usize| {
                let last = cost.sorted_us.len() - 1;
                cost.sorted_us[last * share / 100] as f64 / 1_000.0
            };
            let events = cost.events as f64 / FRAMES as f64;
            println!("{lights:>6} {name:>8} {events:>13.1} {:>9.2} {:>9.2} {:>9.2}", at(50), at(99), at(100));
        }
    }
}

/// `topics`: with the topic panel.
fn measure(lights: usize, size: egui::Vec2, topics: bool) -> Cost {
    let mut script = Script::new(lights / 2, 2);
    let (commands, _kept) = mpsc::channel(16);
    let (sender, events) = broadcast::channel(65_536);
    let time = Rc::new(Cell::new(0));
    let clock = Clock::new(Box::new({
        let time = Rc::clone(&time);
        move || time.get()
    }));
    let context = egui::Context::default();
    let settings = Settings { left: topics.then_some(LeftPanel::Topics), ..Settings::default() };
    let mut app = TwinlightApp::new(&context, WorldLink { commands, events }, clock, settings, String::new());
    let mut frame = eframe::Frame::_new_kittest();
    let mut cost = Cost { events: 0, sorted_us: Vec::new() };
    for event in script.begin() {
        sender.send(event).unwrap();
    }
    // A minute of history first, so that the timeline and the log are full.
    let warm_up = 60_000 / FRAME_MS;
    for number in 0..warm_up + FRAMES {
        let now_ms = number * FRAME_MS;
        time.set(now_ms);
        let news = script.run_until(now_ms);
        let measured = number >= warm_up;
        cost.events += if measured { news.len() as u64 } else { 0 };
        for event in news {
            sender.send(event).unwrap();
        }
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size)),
            time: Some(Duration::from_millis(now_ms).as_secs_f64()),
            ..RawInput::default()
        };
        let start = Instant::now();
        app.logic(&context, &mut frame);
        let mut output = context.run_ui(input, |ui| app.ui(ui, &mut frame));
        let shapes = std::mem::take(&mut output.shapes);
        let meshes = context.tessellate(shapes, output.pixels_per_point);
        let took = start.elapsed();
        std::hint::black_box(&meshes);
        output.drop_without_applying_deltas();
        if measured {
            cost.sorted_us.push(took.as_micros());
        }
    }
    cost.sorted_us.sort_unstable();
    cost
}
