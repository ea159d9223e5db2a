//! The LoPy4 itself: which pin is what, the antenna, the watchdog, and why the board started.

use core::fmt;

use esp_hal::{
    efuse::{self, ChipRevision},
    gpio::{AnyPin, Input, InputConfig, Level, Output, OutputConfig, Pull},
    peripherals::TIMG1,
    rtc_cntl::{SocResetReason, reset_reason as chip_reset_reason},
    system::Cpu,
    time::Duration,
    timer::timg::{MwdtStage, Wdt},
};
use traffic_light::{
    Name,
    lamps::Lamps,
    record::{Antenna, LED_GPIOS, LedGpios, Record},
};

/// Without a record a program that hangs is reset after this.
const WATCHDOG_MS: u32 = 1_000;

/// The pins that the board needs, or may need.
pub struct Pins {
    /// Switches the antenna from chip revision 1 on.
    pub antenna: AnyPin<'static>,
    /// Switches the antenna on chip revision 0.
    pub antenna_revision_0: AnyPin<'static>,
    /// The expansion board's button.
    pub button: AnyPin<'static>,
    /// Where LEDs may be, by GPIO number.
    pub led_candidates: [(u8, AnyPin<'static>); LED_GPIOS.len()],
}

/// The board, with all lamps out.
pub struct Board {
    lamps: Option<[Output<'static>; 3]>,
    button: Input<'static>,
    watchdog: Wdt<TIMG1<'static>>,
    watchdog_ms: u32,
    /// Keeps its level for as long as the board runs.
    _antenna: Output<'static>,
}

impl Board {
    /// Sets the antenna and the lamps up as the record says, and starts the watchdog.
    pub fn new(pins: Pins, record: Option<&Record>, mut watchdog: Wdt<TIMG1<'static>>) -> Board {
        let watchdog_ms = record.map_or(WATCHDOG_MS, |record| record.timing.watchdog_ms);
        watchdog.set_timeout(MwdtStage::Stage0, span(watchdog_ms));
        watchdog.enable();

        let antenna = if chip_revision() < ChipRevision::from_combined(100) {
            pins.antenna_revision_0
        } else {
            pins.antenna
        };
        let level = match record.map(|record| record.antenna) {
            Some(Antenna::External) => Level::High,
            Some(Antenna::Internal) | None => Level::Low,
        };
        Board {
            lamps: record.and_then(|record| lamps(pins.led_candidates, record.leds)),
            button: Input::new(pins.button, InputConfig::default().with_pull(Pull::Up)),
            watchdog,
            watchdog_ms,
            _antenna: Output::new(antenna, level, OutputConfig::default()),
        }
    }

    /// Switches the three lamps.
    pub fn show(&mut self, shown: Lamps) {
        if let Some(lamps) = &mut self.lamps {
            for (lamp, lit) in lamps.iter_mut().zip([shown.red, shown.amber, shown.green]) {
                lamp.set_level(lit.into());
            }
        }
    }

    /// Whether the button is down.
    pub fn button_is_down(&self) -> bool {
        self.button.is_low()
    }

    /// Tells the watchdog that the light's thread lives.
    pub fn feed_watchdog(&mut self) {
        self.watchdog.feed();
    }

    /// Lets a program that hangs for `watchdog_ms` be reset: leases count on it, so it has to be that
    /// of the timings in force.
    pub fn set_watchdog(&mut self, watchdog_ms: u32) {
        if self.watchdog_ms != watchdog_ms {
            self.watchdog_ms = watchdog_ms;
            self.watchdog.set_timeout(MwdtStage::Stage0, span(watchdog_ms));
            self.watchdog.feed();
        }
    }
}

fn span(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}

/// The outputs for red, amber and green; the record has been checked for pins that can be.
fn lamps(
    candidates: [(u8, AnyPin<'static>); LED_GPIOS.len()],
    gpios: LedGpios,
) -> Option<[Output<'static>; 3]> {
    let [mut red, mut amber, mut green] = [None, None, None];
    for (gpio, pin) in candidates {
        let lamp = match gpio {
            gpio if gpio == gpios.red => &mut red,
            gpio if gpio == gpios.amber => &mut amber,
            gpio if gpio == gpios.green => &mut green,
            _ => continue,
        };
        *lamp = Some(Output::new(pin, Level::Low, OutputConfig::default()));
    }
    Some([red?, amber?, green?])
}

/// The chip's revision.
pub fn chip_revision() -> ChipRevision {
    efuse::chip_revision()
}

/// Why the board started, in the words of the status message.
pub fn reset_reason() -> &'static str {
    match chip_reset_reason(Cpu::ProCpu) {
        Some(SocResetReason::ChipPowerOn) => "power-on",
        Some(SocResetReason::CoreSw | SocResetReason::Cpu0Sw) => "software",
        Some(SocResetReason::CoreMwdt0 | SocResetReason::CoreMwdt1 | SocResetReason::CpuMwdt0) => "watchdog",
        Some(SocResetReason::CoreRtcWdt | SocResetReason::Cpu0RtcWdt | SocResetReason::SysRtcWdt) => {
            "rtc-watchdog"
        }
        Some(SocResetReason::SysBrownOut) => "brown-out",
        Some(SocResetReason::CoreDeepSleep) => "deep-sleep",
        _ => "unknown",
    }
}

/// Names, as a sentence lists them.
pub struct Names<'a>(pub &'a [Name]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nobody");
        }
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}\"{name}\"", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
