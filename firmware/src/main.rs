//! A traffic light on a Pycom LoPy4: the twin of Twinlight's virtual lights.
//!
//! What it decides and says is in the shared library `traffic_light`, which is tested on the host;
//! here is the hardware around it.
//!
//! | module | one idea |
//! | --- | --- |
//! | `board` | which pin is what, the antenna, and why the board started |
//! | `flash` | the provisioning record and the start counter |
//! | `light` | the light's own thread: lamps, button, watchdog, never kept waiting by the network |
//! | `link` | Wi-Fi and the session with the broker, up the ladder for ever |
//! | `led` | the on-board coloured LED |
//! | `log` | sentences on UART 0 |
//! | `shared` | what these tell each other: channels and figures |
//! | `stack` | how much of a stack was ever used |
//!
//! Two threads run: the light's, above the radio's, which steps on a steady tick; and the main one,
//! which runs everything that may wait.
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod flash;
mod led;
mod light;
mod link;
mod log;
mod shared;
mod stack;

use embassy_executor::Spawner;
use esp_backtrace as _;
use esp_hal::{clock::CpuClock, ram, timer::timg::TimerGroup};
use traffic_light::lamps::Progress;

use self::{board::Board, flash::Flash};

esp_bootloader_esp_idf::esp_app_desc!(
    env!("CARGO_PKG_VERSION"),
    env!("CARGO_PKG_NAME"),
    // Without the time of building, so that the same source gives the same image.
    "-",
    "-",
    esp_bootloader_esp_idf::ESP_IDF_COMPATIBLE_VERSION,
    esp_bootloader_esp_idf::MMU_PAGE_SIZE,
    0,
    u16::MAX,
    0
);

/// The heap: most of it is what the bootloader leaves behind, the rest is taken from the data.
const RECLAIMED_HEAP_BYTES: usize = 96 * 1024;
const OWN_HEAP_BYTES: usize = 48 * 1024;

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let stack_use = stack::Painted::main();
    let peripherals = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    esp_alloc::heap_allocator!(#[ram(reclaimed)] size: RECLAIMED_HEAP_BYTES);
    esp_alloc::heap_allocator!(size: OWN_HEAP_BYTES);
    let timers = TimerGroup::new(peripherals.TIMG0);
    esp_rtos::start(timers.timer0, peripherals.FROM_CPU_INTR0);

    log::start(spawner, peripherals.UART0, peripherals.GPIO1);
    let reset = board::reset_reason();
    let revision = board::chip_revision();
    ::log::info!(
        "Twinlight firmware {} on a LoPy4, chip revision {}.{}, started by {reset}",
        env!("CARGO_PKG_VERSION"),
        revision.major,
        revision.minor,
    );

    let mut flash = Flash::new(peripherals.FLASH);
    let record = flash.record();
    let board = Board::new(
        board::Pins {
            antenna: peripherals.GPIO21.into(),
            antenna_revision_0: peripherals.GPIO16.into(),
            button: peripherals.GPIO13.into(),
            led_candidates: [
                (4, peripherals.GPIO4.into()),
                (14, peripherals.GPIO14.into()),
                (22, peripherals.GPIO22.into()),
                (25, peripherals.GPIO25.into()),
                (26, peripherals.GPIO26.into()),
                (32, peripherals.GPIO32.into()),
                (33, peripherals.GPIO33.into()),
            ],
        },
        record.as_ref().ok(),
        TimerGroup::new(peripherals.TIMG1).wdt,
    );
    led::start(spawner, peripherals.RMT, peripherals.GPIO0);

    match record {
        Ok(record) => {
            ::log::info!(
                "this is light \"{}\" of junction \"{}\"; its peers are {}",
                record.light,
                record.junction,
                board::Names(&record.peers)
            );
            let start = flash.start(&record);
            ::log::info!("this is start {} with number {}", start.count, start.start.boot);
            let topics = light::start(record.clone(), start.start, board, flash, reset);
            let started = link::start(spawner, peripherals.WIFI, record, topics);
            if let Err(error) = started {
                ::log::error!("the radio does not start: {error}; the light stays without a link");
                shared::PROGRESS.set(Progress::Failing);
            }
        }
        Err(error) => {
            ::log::warn!("{error}. The board waits for Twinlight");
            light::start_unprovisioned(board, error);
        }
    }
    log::report_for_ever(stack_use).await;
}

/// Called after a panic was printed: lamps out and a new start, sooner than the watchdog would.
#[unsafe(no_mangle)]
extern "C" fn custom_halt() -> ! {
    esp_hal::system::software_reset()
}
