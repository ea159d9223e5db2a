//! A LoPy4 that is not there: prints a port that a flasher can open, and stays until it is stopped. Lines
//! on its standard input do what a hand does: `download`, `run`, `unplug`, `plug`.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match linux::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lopy4-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("lopy4-emulator: the emulator needs the pseudo-terminals of Linux");
    ExitCode::FAILURE
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        io::{self, Write},
        path::PathBuf,
        thread,
    };

    use board_emulator::{Emulator, Mode, PicEmulator};
    use clap::Parser;

    /// A LoPy4 that is not there, on a pseudo-terminal. It prints its port, and obeys lines on its standard
    /// input: "download" (reset with the jumper on), "run" (reset), "unplug" and "plug".
    #[derive(Parser)]
    #[command(name = "lopy4-emulator", version)]
    struct Options {
        /// The file with its flash; made, and erased, if there is none
        #[arg(long, value_name = "FILE")]
        flash: PathBuf,
        /// The size of the flash in MB
        #[arg(long, default_value_t = 4, value_name = "N")]
        mb: u32,
        /// The chip's revision
        #[arg(long, default_value_t = 1, value_name = "N")]
        revision: u8,
        /// Begins with the program in the flash, not in download mode
        #[arg(long)]
        running: bool,
        /// Refuses to run a stub
        #[arg(long)]
        no_stub: bool,
        /// Puts a PIC before it, as on expansion board 3.x
        #[arg(long)]
        pic: bool,
        /// Takes the time that the line's speed asks for
        #[arg(long)]
        paced: bool,
    }

    pub(crate) fn run() -> io::Result<()> {
        let options = Options::parse();
        let mode = if options.running { Mode::Running } else { Mode::Download };
        let mut builder = Emulator::builder(options.flash)
            .flash_mb(options.mb)
            .revision(options.revision)
            .mode(mode)
            .stub_allowed(!options.no_stub)
            .paced(options.paced);
        if options.pic {
            builder = builder.behind_pic(PicEmulator::default());
        }
        let mut board = builder.start()?;
        tell_port(&board)?;
        for line in io::stdin().lines() {
            match line?.trim() {
                "download" => board.enter_download_mode(),
                "run" => board.reset(),
                "unplug" => board.unplug(),
                "plug" => {
                    board.plug_in(mode)?;
                    tell_port(&board)?;
                }
                other => eprintln!("lopy4-emulator: \"{other}\" is none of download, run, unplug, plug"),
            }
        }
        loop {
            thread::park();
        }
    }

    fn tell_port(board: &Emulator) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", board.port().display())?;
        out.flush()
    }
}
