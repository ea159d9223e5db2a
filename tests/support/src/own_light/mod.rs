//! Lights as students write them, under a real MicroPython, and `twinlight check` beside them.
//!
//! The lights stand in `tests/own_light`: good ones as programs, wrong ones as changes of a good one.

mod beside;
mod board;
mod brokers;
mod checked;
mod class;
mod lights;
mod radio;
mod setup;

pub use self::{
    beside::{Beside, beside},
    board::Board,
    brokers::Broker,
    checked::{Checked, STEPS, check, judge, side_by_side},
    class::class,
    lights::{Address, Expected, Good, Light, Wrong, folder, good, wrong},
    setup::micropython,
};
