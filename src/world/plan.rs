//! Planned faults as what is to be asked of a world, and when.

use std::time::Duration;

use super::command::Command;
use crate::config::{FaultKind, PlannedFault};

/// The commands that put planned faults in and take them out again, in the order of their times.
pub(crate) fn steps(faults: Vec<PlannedFault>) -> Vec<(Duration, Command)> {
    let mut steps = Vec::new();
    for fault in faults {
        let ends_at = fault.ends_at();
        match fault.what {
            FaultKind::Lasting { fault: lasting, .. } => {
                steps.push((fault.at, Command::PutFault { fault: lasting.clone(), lasts: None }));
                steps.extend(ends_at.map(|at| (at, Command::ClearFault(lasting))));
            }
            FaultKind::SessionDrop(light) => steps.push((fault.at, Command::DropSession { light })),
            FaultKind::Reboot(light) => steps.push((fault.at, Command::RebootLight { light })),
        }
    }
    steps.sort_by_key(|(at, _)| *at);
    steps
}
