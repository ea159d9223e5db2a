//! The board's log on UART 0, 115 200 baud: uptime, level, and plain sentences. Never a secret.
//!
//! A line goes into a pipe and is sent from there by the main thread, so that no thread ever waits
//! for the UART. What does not fit is dropped, and that is said.

use core::{
    fmt::Write,
    sync::atomic::{AtomicU32, Ordering},
};

use embassy_executor::Spawner;
use embassy_sync::{
    blocking_mutex::{Mutex, raw::CriticalSectionRawMutex},
    pipe::Pipe,
};
use embassy_time::{Duration, Instant, Timer};
use esp_hal::{
    Async,
    peripherals::{GPIO1, UART0},
    uart::{Config, UartTx},
};
use heapless::String;
use log::{Level, LevelFilter, Metadata, Record};

use crate::{
    shared::{MAIN_ALIVE_S, MAIN_STACK_FREE, light_stack_use, uptime_s},
    stack::Painted,
};

/// The longest line; the rest is cut off.
const LINE_BYTES: usize = 240;
/// Lines that wait for the UART.
const PIPE_BYTES: usize = 4096;
/// How often the heap and the stacks are reported.
const REPORT_EVERY: Duration = Duration::from_secs(60);

static LINES: Pipe<CriticalSectionRawMutex, PIPE_BYTES> = Pipe::new();
static WRITING: Mutex<CriticalSectionRawMutex, ()> = Mutex::new(());
static DROPPED: AtomicU32 = AtomicU32::new(0);

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let ms = Instant::now().as_millis();
        let level = match record.level() {
            Level::Error => "error  ",
            Level::Warn => "warning",
            _ => "info   ",
        };
        let mut line = String::<LINE_BYTES>::new();
        // A line that is too long ends where there is no more room.
        let _ = write!(line, "{:>6}.{:03} {level} {}", ms / 1_000, ms % 1_000, record.args());
        while line.len() > LINE_BYTES - 2 {
            line.pop();
        }
        let _ = line.push_str("\r\n");
        // A whole line or none of it, and no other thread's line between its two halves where the
        // pipe's ring begins anew.
        let whole = WRITING.lock(|()| {
            let mut rest = line.as_bytes();
            if LINES.free_capacity() < rest.len() {
                return false;
            }
            while let Ok(count @ 1..) = LINES.try_write(rest) {
                rest = rest.get(count..).unwrap_or_default();
            }
            rest.is_empty()
        });
        if !whole {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

/// Starts the log.
pub fn start(spawner: Spawner, uart: UART0<'static>, pin: GPIO1<'static>) {
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
    if let Ok(uart) = UartTx::new(uart, Config::default())
        && let Ok(task) = send(uart.with_tx(pin).into_async())
    {
        spawner.spawn(task);
    }
}

#[embassy_executor::task]
async fn send(mut uart: UartTx<'static, Async>) {
    let mut bytes = [0; 64];
    loop {
        let count = LINES.read(&mut bytes).await;
        let mut rest = &bytes[..count];
        while let Ok(sent @ 1..) = uart.write_async(rest).await {
            rest = &rest[sent.min(rest.len())..];
            if rest.is_empty() {
                break;
            }
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            log::warn!("{dropped} lines of this log were dropped; the line is too slow for them");
        }
    }
}

/// Tells the light's thread that the main one lives, and the log how much memory is used.
pub async fn report_for_ever(main_stack: Painted) -> ! {
    let mut reported_at = None;
    loop {
        MAIN_ALIVE_S.store(uptime_s(), Ordering::Relaxed);
        if reported_at.is_none_or(|at: Instant| at.elapsed() >= REPORT_EVERY) {
            reported_at = Some(Instant::now());
            report(main_stack);
        }
        Timer::after(Duration::from_secs(1)).await;
    }
}

fn report(main_stack: Painted) {
    let (main_used, main_size) = main_stack.most_used();
    MAIN_STACK_FREE.store(main_size - main_used, Ordering::Relaxed);
    let (light_used, light_size) = light_stack_use();
    let heap = esp_alloc::HEAP.stats();
    log::info!(
        "heap: {} of {} bytes free; stacks at most: main {main_used} of {main_size}, light {light_used} of \
         {light_size}",
        heap.size - heap.current_usage,
        heap.size,
    );
}
