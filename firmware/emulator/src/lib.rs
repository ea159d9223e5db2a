//! An emulated LoPy4, as a computer sees it on its serial port.
//!
//! It is an ESP32's two loaders, the one in its ROM and Espressif's stub, in front of a flash in a file,
//! on a pseudo-terminal that any flasher can open. It was written from Espressif's public description of
//! the serial protocol, and is judged by clients that share no code with it: espflash's library in
//! `tests`, and esptool in `esptool.sh`.
//!
//! ```no_run
//! use board_emulator::{Emulator, Fault};
//!
//! let board = Emulator::builder("flash.bin").flash_mb(8).start()?;
//! board.arm(Fault::unplugged().at_block(3));
//! // … flash it through board.port() …
//! assert!(!board.seen().touched(&(0x3F_F000..0x40_0000)));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! To try a program by hand, without a board:
//!
//! ```sh
//! cargo run -p board_emulator -- --flash flash.bin
//! ```
//!
//! prints the port, and stays; `download`, `run`, `unplug` and `plug` on its standard input do what a hand
//! does. Clients have to be told to reset nothing (`--before no-reset --after
//! no-reset`), since a pseudo-terminal has neither DTR nor RTS.
//!
//! # What it does not do
//!
//! - Erasing and programming take no time, and neither does the USB adapter; with `paced`, the line does.
//! - A pseudo-terminal has no framing: it keeps a client's speed, and always eight data bits. What comes
//!   at another speed than the board's is noise, of as many bytes; the PIC, which listens while there are
//!   five data bits, is told from the ESP32 by the first byte instead.
//! - The bytes of a stub are counted, not run. Any program that is put into the RAM and started is taken
//!   for the stub.
//! - The flash has one status register that is always 0, and no identity page. What is beyond its end is
//!   refused; a real one begins anew there.
//! - Secure boot and flash encryption are seen in the fuses, and change nothing else.

#![cfg(target_os = "linux")]
#![cfg_attr(test, expect(clippy::single_range_in_vec_init, reason = "one range is what is meant"))]

mod board;
mod chip;
mod download;
mod emulator;
mod fault;
mod flash;
mod line;
mod loader;
mod op;
mod packet;
pub mod pic;
mod program;
mod pty;
mod ranges;
mod registers;
mod rom;
mod seen;
mod slip;
mod stub;
mod wire;

pub use self::{
    chip::ChipKind,
    emulator::{Builder, Emulator},
    fault::Fault,
    flash::SECTOR_BYTES,
    loader::LoaderKind,
    op::Op,
    pic::{PicEmulator, PicEvent},
    program::Program,
    ranges::Ranges,
    seen::{Mode, Seen},
};
