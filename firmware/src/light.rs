//! The light's own thread. It steps the light on a steady tick, switches the lamps, reads the
//! button and feeds the watchdog. It runs above the radio's threads and waits for nothing else, so
//! that no network, log or LED ever keeps the lamps waiting.

use core::{ffi::c_void, sync::atomic::Ordering};

use alloc::boxed::Box;

use embassy_executor::Spawner;
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Ticker};
use esp_rtos::embassy::Executor;
use static_cell::StaticCell;
use traffic_light::{
    Aspect, Instant, Start,
    button::{Button, Press},
    lamps::{Colour, Lamps, Progress},
    message::Message,
    program::{Facts, HostCommand, LightHost, LogEvent, Program, Topic},
    record::{MIN_WATCHDOG_MS, Record, RecordError},
};

use crate::{
    board::Board,
    flash::Flash,
    led,
    shared::{
        ADDRESS, LIGHT_STACK_BYTES, LINK_EVENTS, LinkEvent, MAIN_ALIVE_S, MQTT_JOINS, ORDERS, OUTBOUND, PROGRESS,
        Publication, RSSI, Topics, WIFI_JOINS, least_stack_free, now, paint_light_stack, uptime_s,
    },
};

/// Lamps, button and LED are looked after at least this often; the program is called twice a tick.
const LOOK_EVERY_MS: u64 = 25;
/// The main thread tells every second that it lives. Without that for so long, the watchdog bites.
const MAIN_MAY_HANG_S: u32 = 30;
/// Between an order to start anew and the reset, so that the log can be read.
const LAST_WORDS_MS: u64 = 200;
/// How often a board without a record says so.
const REMIND_EVERY_MS: u64 = 30_000;

/// Starts the light; returns what the link has to know of it.
pub fn start(record: Record, start: Start, board: Board, flash: Flash, reset: &'static str) -> Topics {
    let program = match Program::new(&record, start, now()) {
        Ok(program) => program,
        // A record is checked when it is read.
        Err(error) => panic!("a checked record makes no light: {error}"),
    };
    let topics = Topics {
        subscriptions: program.subscriptions(),
        state: program.topic(Topic::State),
        status: program.topic(Topic::Status),
        partner: program.topic(Topic::Partner),
        partner_retains: program.partner_retains(),
        will: program.will(),
    };
    let host = Host { board, flash, reset, session: 0, reboot_at: None, aspect: Aspect::Dark };
    run_thread(Work::Light(Box::new((program, host))));
    topics
}

/// Keeps a board without a record waiting, and saying so.
pub fn start_unprovisioned(board: Board, error: RecordError) {
    PROGRESS.set(Progress::Unprovisioned);
    run_thread(Work::Wait(Box::new((board, error))));
}

enum Work {
    Light(Box<(Program, Host)>),
    Wait(Box<(Board, RecordError)>),
}

fn run_thread(work: Work) {
    let param = Box::into_raw(Box::new(work)).cast::<c_void>();
    // SAFETY: `thread` takes what `param` points to as its own, once, and never returns.
    unsafe {
        esp_radio_rtos_driver::task_create(
            "light",
            thread,
            param,
            esp_radio_rtos_driver::max_task_priority(),
            None,
            LIGHT_STACK_BYTES,
        );
    }
}

extern "C" fn thread(param: *mut c_void) {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    paint_light_stack();
    // SAFETY: `run_thread` made it from a box and gave it away.
    let work = unsafe { Box::from_raw(param.cast::<Work>()) };
    EXECUTOR.init(Executor::new()).run(|spawner| spawn(spawner, *work));
}

fn spawn(spawner: Spawner, work: Work) {
    let task = match work {
        Work::Light(light) => run(light),
        Work::Wait(wait) => return wait_for_record(spawner, wait),
    };
    match task {
        Ok(task) => spawner.spawn(task),
        Err(error) => panic!("the light's task does not start: {error:?}"),
    }
}

fn wait_for_record(spawner: Spawner, wait: Box<(Board, RecordError)>) {
    match wait_unprovisioned(wait) {
        Ok(task) => spawner.spawn(task),
        Err(error) => panic!("the waiting task does not start: {error:?}"),
    }
}

/// What is around the light's program.
struct Host {
    board: Board,
    flash: Flash,
    reset: &'static str,
    session: u32,
    reboot_at: Option<Instant>,
    aspect: Aspect,
}

impl LightHost for Host {
    fn show(&mut self, aspect: Aspect) {
        self.aspect = aspect;
        self.board.show(Lamps::of(aspect, now()));
    }

    fn publish(&mut self, topic: Topic, message: &Message) -> bool {
        let publication = Publication { session: self.session, topic, message: message.clone() };
        OUTBOUND.try_send(publication).is_ok()
    }

    fn execute(&mut self, command: HostCommand) -> bool {
        match command {
            HostCommand::WifiDown { .. } | HostCommand::DropSession => ORDERS.try_send(command).is_ok(),
            HostCommand::Reboot => {
                self.reboot_at = Some(now().after(LAST_WORDS_MS));
                true
            }
            HostCommand::KeepLease { ms } => self.flash.keep_lease(ms),
        }
    }

    fn facts(&self) -> Facts {
        let rssi = RSSI.load(Ordering::Relaxed);
        Facts {
            kind: "board",
            wifi_rssi: (rssi != 0).then_some(rssi),
            wifi_joins: WIFI_JOINS.load(Ordering::Relaxed),
            mqtt_joins: MQTT_JOINS.load(Ordering::Relaxed),
            heap: u32::try_from(esp_alloc::HEAP.free()).ok(),
            stack: u32::try_from(least_stack_free()).ok(),
            reset: self.reset,
            firmware: env!("CARGO_PKG_VERSION"),
        }
    }

    fn least_watchdog_ms(&self) -> u32 {
        MIN_WATCHDOG_MS
    }

    fn log(&mut self, event: LogEvent) {
        if event.is_warning() {
            log::warn!("{event}");
        } else {
            log::info!("{event}");
        }
    }
}

#[embassy_executor::task]
async fn run(light: Box<(Program, Host)>) {
    let (mut program, mut host) = *light;
    let mut check_every_ms = 0;
    let mut looks = Ticker::every(Duration::from_millis(LOOK_EVERY_MS));
    let mut button = Button::new(now());
    let mut colour = None;
    let mut checked_at = now();
    program.check(checked_at, &mut host);
    loop {
        match select(looks.next(), LINK_EVENTS.receive()).await {
            Either::First(()) => {
                let now = now();
                if now.since(checked_at) >= check_every_ms {
                    checked_at = now;
                    program.check(now, &mut host);
                }
                match button.read(now, host.board.button_is_down()) {
                    Some(Press::Short) => program.call(now, &mut host),
                    Some(Press::Long) => tell_state(&program, now),
                    None => {}
                }
            }
            Either::Second(event) => take(event, &mut program, &mut host),
        }
        if host.reboot_at.is_some() {
            return reboot(host).await;
        }
        // The command "set" changes them.
        let timing = program.light().config().timing();
        host.board.set_watchdog(timing.watchdog_ms);
        let half_a_tick_ms = u64::from(timing.tick_ms / 2).max(1);
        if check_every_ms != half_a_tick_ms {
            check_every_ms = half_a_tick_ms;
            looks = Ticker::every(Duration::from_millis(LOOK_EVERY_MS.min(check_every_ms)));
        }
        let now = now();
        host.board.show(Lamps::of(host.aspect, now));
        shine(&mut colour, Colour::of(PROGRESS.get(), host.aspect, program.identifies(now), now));
        feed(&mut host.board);
    }
}

fn take(event: LinkEvent, program: &mut Program, host: &mut Host) {
    let now = now();
    match event {
        LinkEvent::Up(session) => {
            host.session = session;
            program.session_up(now, host);
        }
        LinkEvent::Down => program.session_down(now, host),
        LinkEvent::Message { topic, payload, retained } => program.hear(now, &topic, &payload, retained, host),
        LinkEvent::TooLong { bytes } => program.hear_too_long(bytes, host),
    }
}

/// As a reset by the button does: lamps out, no goodbye.
async fn reboot(mut host: Host) {
    host.board.show(Lamps::default());
    embassy_time::Timer::after(Duration::from_millis(LAST_WORDS_MS)).await;
    esp_hal::system::software_reset();
}

#[embassy_executor::task]
async fn wait_unprovisioned(wait: Box<(Board, RecordError)>) {
    let (mut board, error) = *wait;
    let mut looks = Ticker::every(Duration::from_millis(LOOK_EVERY_MS));
    let mut button = Button::new(now());
    let mut colour = None;
    let mut told_at = now();
    loop {
        looks.next().await;
        let now = now();
        let asked = button.read(now, board.button_is_down()) == Some(Press::Long);
        if asked || now.since(told_at) >= REMIND_EVERY_MS {
            told_at = now;
            match error.help() {
                Some(help) => log::warn!("{error} (help: {help})"),
                None => log::warn!("{error}. The board waits for Twinlight"),
            }
        }
        shine(&mut colour, Colour::of(Progress::Unprovisioned, Aspect::Dark, false, now));
        feed(&mut board);
    }
}

fn shine(shown: &mut Option<Colour>, colour: Colour) {
    if *shown != Some(colour) {
        *shown = Some(colour);
        led::COLOUR.signal(colour);
    }
}

/// Feeds the watchdog, unless the main thread hangs.
fn feed(board: &mut Board) {
    if uptime_s().saturating_sub(MAIN_ALIVE_S.load(Ordering::Relaxed)) < MAIN_MAY_HANG_S {
        board.feed_watchdog();
    }
}

/// A long press of the button asks for it.
fn tell_state(program: &Program, now: Instant) {
    let light = program.light();
    let counters = program.counters();
    let view = light.view();
    log::info!(
        "light \"{}\" shows {} with start number {}",
        light.config().name(),
        light.aspect(),
        light.boot(),
    );
    if let Some(waiting) = view.waiting {
        log::info!("it does not go: {waiting}");
    }
    log::info!(
        "{} greens; messages: {} sent, {} dropped, {} heard, {} ignored; {} Wi-Fi joins, {} sessions; up {} s",
        counters.greens,
        counters.sent,
        counters.dropped,
        counters.received,
        counters.ignored,
        WIFI_JOINS.load(Ordering::Relaxed),
        MQTT_JOINS.load(Ordering::Relaxed),
        now.as_ms() / 1_000,
    );
    match ADDRESS.lock(core::cell::Cell::get) {
        Some(address) => log::info!("address {address}, signal {} dBm", RSSI.load(Ordering::Relaxed)),
        None => log::info!("not on Wi-Fi"),
    }
}
