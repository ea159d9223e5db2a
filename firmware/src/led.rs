//! The on-board LED, a WS2812 on GPIO 0, fed by the RMT. A radio that is busy must not keep the
//! lamps waiting, so this has a task of its own, and one that does not end is given up.

use embassy_executor::Spawner;
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, signal::Signal};
use embassy_time::{Duration, with_timeout};
use esp_hal::{
    Async,
    gpio::Level,
    peripherals::{GPIO0, RMT},
    rmt::{Channel, PulseCode, Rmt, Tx, TxChannelConfig, TxChannelCreator},
    time::Rate,
};
use traffic_light::lamps::Colour;

/// What the LED is to show.
pub static COLOUR: Signal<CriticalSectionRawMutex, Colour> = Signal::new();

/// A pulse is counted in steps of 12.5 ns. Times are those of the WS2812B data sheet.
const ONE: PulseCode = PulseCode::new(Level::High, 64, Level::Low, 36);
const ZERO: PulseCode = PulseCode::new(Level::High, 32, Level::Low, 68);

/// Starts the LED; without it the board works all the same.
pub fn start(spawner: Spawner, rmt: RMT<'static>, pin: GPIO0<'static>) {
    let config = TxChannelConfig::default()
        .with_clk_divider(1)
        .with_idle_output(true)
        .with_idle_output_level(Level::Low);
    let channel = Rmt::new(rmt, Rate::from_mhz(80))
        .map(Rmt::into_async)
        .and_then(|rmt| rmt.channel0.configure_tx(&config))
        .map(|channel| channel.with_pin(pin));
    match channel.map(shine) {
        Ok(Ok(task)) => spawner.spawn(task),
        _ => log::warn!("the on-board LED cannot be set up"),
    }
}

#[embassy_executor::task]
async fn shine(mut channel: Channel<'static, Async, Tx>) {
    loop {
        let bits = COLOUR.wait().await.grb();
        let mut pulses = [PulseCode::end_marker(); 25];
        for (bit, pulse) in pulses.iter_mut().take(24).enumerate() {
            *pulse = if bits >> (23 - bit) & 1 == 1 { ONE } else { ZERO };
        }
        // 30 µs as a rule.
        let _ = with_timeout(Duration::from_millis(5), channel.transmit(&pulses)).await;
    }
}
