//! Faults of the line and the chip, put in on purpose.

use crate::op::Op;

/// Something that goes wrong once, or from then on.
///
/// ```
/// use board_emulator::{Fault, Op};
///
/// let at_the_fifth_block = Fault::unplugged().at_block(5);
/// let every_checksum = Fault::wrong_md5().at_command(Op::SPI_FLASH_MD5, 1).lasting();
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    pub(crate) kind: Kind,
    place: Place,
    /// How many matches are still to come before it strikes; 1 is the next.
    left: u32,
    lasting: bool,
    /// Strikes only while the board's speed is above so many baud.
    above: Option<u32>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Silence,
    LostAnswer,
    Noise,
    FlippedBit,
    ShortAnswer,
    LostByte,
    DamagedCommand,
    WrongMd5,
    Refused(u8),
    Unplugged,
}

/// Where it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Anywhere,
    Command(Op),
    Block,
    ReadBlock,
}

/// What happens on the line, for faults to strike at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A command has come.
    Command(Op),
    /// A block of a `READ_FLASH` is about to be sent.
    ReadBlock,
}

impl Fault {
    /// The command is neither obeyed nor answered. If lasting, no later command is, whatever it is.
    #[must_use]
    pub fn silence() -> Fault {
        Fault::new(Kind::Silence)
    }

    /// The command is obeyed, and its answer is lost.
    #[must_use]
    pub fn lost_answer() -> Fault {
        Fault::new(Kind::LostAnswer)
    }

    /// Instead of the answer there is noise, of the same length.
    #[must_use]
    pub fn noise() -> Fault {
        Fault::new(Kind::Noise)
    }

    /// One bit in the middle of the answer is wrong.
    #[must_use]
    pub fn flipped_bit() -> Fault {
        Fault::new(Kind::FlippedBit)
    }

    /// One byte in the middle of the answer is lost.
    #[must_use]
    pub fn short_answer() -> Fault {
        Fault::new(Kind::ShortAnswer)
    }

    /// One byte in the middle of the command is lost.
    #[must_use]
    pub fn lost_byte() -> Fault {
        Fault::new(Kind::LostByte)
    }

    /// One bit in the middle of the command is wrong.
    #[must_use]
    pub fn damaged_command() -> Fault {
        Fault::new(Kind::DamagedCommand)
    }

    /// The answer to the next `SPI_FLASH_MD5` names another sum.
    #[must_use]
    pub fn wrong_md5() -> Fault {
        Fault::new(Kind::WrongMd5).at_command(Op::SPI_FLASH_MD5, 1)
    }

    /// The command is answered with this error, and not obeyed.
    #[must_use]
    pub fn refused(error: u8) -> Fault {
        Fault::new(Kind::Refused(error))
    }

    /// The cable is pulled when the command comes: it is not obeyed, and the port is gone.
    #[must_use]
    pub fn unplugged() -> Fault {
        Fault::new(Kind::Unplugged)
    }

    /// Strikes at the `nth` command `op` from now, the first being 1.
    #[must_use]
    pub fn at_command(self, op: Op, nth: u32) -> Fault {
        Fault { place: Place::Command(op), left: nth.max(1), ..self }
    }

    /// Strikes at the `nth` block for the flash from now, plain or compressed, the first being 1.
    #[must_use]
    pub fn at_block(self, nth: u32) -> Fault {
        Fault { place: Place::Block, left: nth.max(1), ..self }
    }

    /// Strikes at the `nth` block that the stub sends of the flash from now, the first being 1. Silence
    /// and lost answers lose the block.
    #[must_use]
    pub fn at_read_block(self, nth: u32) -> Fault {
        Fault { place: Place::ReadBlock, left: nth.max(1), ..self }
    }

    /// Strikes at every later match too.
    #[must_use]
    pub fn lasting(self) -> Fault {
        Fault { lasting: true, ..self }
    }

    /// Strikes only while the board's speed is above `baud`, as on a line that is too long for it.
    #[must_use]
    pub fn above(self, baud: u32) -> Fault {
        Fault { above: Some(baud), ..self }
    }

    /// Strikes at the next command, once, unless told otherwise.
    fn new(kind: Kind) -> Fault {
        Fault { kind, place: Place::Anywhere, left: 1, lasting: false, above: None }
    }

    fn matches(&self, event: Event) -> bool {
        match (self.place, event) {
            (Place::Anywhere, Event::Command(_)) | (Place::ReadBlock, Event::ReadBlock) => true,
            (Place::Command(wanted), Event::Command(op)) => wanted == op,
            (Place::Block, Event::Command(op)) => op.is_block(),
            _ => false,
        }
    }
}

/// The faults that are armed.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn arm(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn disarm(&mut self) {
        self.0.clear();
    }

    /// What strikes at `event` while the board's speed is `baud`.
    pub(crate) fn strike(&mut self, event: Event, baud: Option<u32>) -> Vec<Kind> {
        let mut kinds = Vec::new();
        self.0.retain_mut(|fault| {
            let fast = fault.above.is_none_or(|limit| baud.is_some_and(|baud| baud > limit));
            if !fast || !fault.matches(event) {
                return true;
            }
            fault.left -= 1;
            if fault.left > 0 {
                return true;
            }
            kinds.push(fault.kind);
            fault.left = 1;
            if fault.kind == Kind::Silence && fault.place != Place::ReadBlock {
                fault.place = Place::Anywhere;
            }
            fault.lasting
        });
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Event = Event::Command(Op::FLASH_DEFL_DATA);
    const OTHER: Event = Event::Command(Op::READ_REG);

    fn armed(fault: Fault) -> Faults {
        let mut faults = Faults::default();
        faults.arm(fault);
        faults
    }

    #[test]
    fn a_fault_strikes_once_at_its_place() {
        let mut faults = armed(Fault::noise().at_block(2));
        let struck = [BLOCK, OTHER, BLOCK, BLOCK].map(|event| faults.strike(event, None).len());
        assert_eq!(struck, [0, 0, 1, 0]);
    }

    #[test]
    fn a_lasting_fault_strikes_from_its_place_on() {
        let mut faults = armed(Fault::refused(8).at_block(2).lasting());
        let struck = [BLOCK, BLOCK, OTHER, BLOCK].map(|event| faults.strike(event, None).len());
        assert_eq!(struck, [0, 1, 0, 1]);
        faults.disarm();
        assert_eq!(faults.strike(BLOCK, None), []);
    }

    #[test]
    fn a_fault_of_high_speeds_spares_the_lower_ones() {
        let mut faults = armed(Fault::damaged_command().at_block(1).lasting().above(230_400));
        let struck = [Some(921_600), Some(230_400), None].map(|baud| faults.strike(BLOCK, baud).len());
        assert_eq!(struck, [1, 0, 0]);
    }

    #[test]
    fn lasting_silence_is_silence_to_everything() {
        let mut faults = armed(Fault::silence().at_block(1).lasting());
        let struck = [OTHER, BLOCK, OTHER].map(|event| faults.strike(event, None).len());
        assert_eq!(struck, [0, 1, 1]);
    }
}
