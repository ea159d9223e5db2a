//! The light's clock is wrong.

use serde::{Deserialize, Serialize};

use super::{
    Draw,
    definition::{About, Definition, LeftOut, Parameter, Stroke, parameters},
};
use crate::model::Diagnostic;

/// The light's clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClockDrift {
    /// By how much it is fast, in millionths; slow where this is negative.
    pub ppm: i32,
}

/// How many millionths make one percent.
const PER_PERCENT: i64 = 10_000;
/// What the right-of-way rules allow for: ρ, in millionths.
const RHO_PPM: u32 = 10_000;
/// The most that chaos draws beyond ρ.
const MOST_BEYOND_PPM: u32 = 200_000;

pub(super) const ABOUT: About = About {
    name: "clock-drift",
    title: "Clock drift",
    meaning: "Its clock is wrong. The right-of-way rules allow for 1 % and no more.",
    parameters: &[Parameter {
        scale: PER_PERCENT,
        // A clock that is wrong by more than a half teaches nothing new.
        limits: (-50 * PER_PERCENT, 50 * PER_PERCENT),
        offered: (-10 * PER_PERCENT, 10 * PER_PERCENT),
        left_out: LeftOut::Refused,
        ..Parameter::new("drift_percent", "Drift", "%", 0, 0)
    }],
    sign: &[Stroke::Arc(0.0, 0.0, 0.6, 0.0, 1.0), Stroke::Line(&[(0.0, -0.38), (0.0, 0.0), (0.3, 0.16)])],
    board: Some("use a virtual light for this: a board's clock is a crystal"),
    ..About::LIGHT
};

pub(super) const EXAMPLE: ClockDrift = ClockDrift { ppm: 20_000 };

impl Definition for ClockDrift {
    parameters!(ppm);

    fn check(&self) -> Result<(), Diagnostic> {
        if self.ppm == 0 {
            let help = "give another number, above 0 for a fast clock, below 0 for a slow one";
            return Err(Diagnostic::new("a drift of 0 % has no effect", help));
        }
        Ok(())
    }

    fn words(&self) -> Option<String> {
        let sign = if self.ppm < 0 { "" } else { "+" };
        Some(format!("{sign}{} %", ABOUT.parameters[0].shown(self.ppm.into())))
    }

    fn draw(&mut self, draw: &mut Draw<'_>) {
        let (least, most) = if draw.beyond_rho { (RHO_PPM, MOST_BEYOND_PPM) } else { (1, RHO_PPM) };
        let ppm = i32::try_from(draw.between(least, most)).unwrap_or(1);
        self.ppm = if draw.rng.chance(500) { ppm } else { -ppm };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    #[test]
    fn a_drift_is_told_in_percent_and_must_be_one() {
        let drift = |ppm| FaultKind::LightFault(ClockDrift { ppm }.into());
        assert_eq!(drift(-30_500).to_string(), "clock-drift -3.05 %");
        assert!(drift(0).check().is_err() && drift(600_000).check().is_err());
        assert_eq!(drift(10_000).check(), Ok(()));
    }
}
