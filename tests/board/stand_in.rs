//! Stands in for a LoPy4 in download mode: the ROM's and the stub's serial protocol over a
//! pseudo-terminal, written from esptool's description of it, with a flash in memory.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use flate2::{Decompress, FlushDecompress};
use md5::{Digest, Md5};
use serialport::{SerialPort, TTYPort};

pub(crate) const FLASH_BEGIN: u8 = 0x02;
pub(crate) const FLASH_DATA: u8 = 0x03;
pub(crate) const MEM_BEGIN: u8 = 0x05;
const MEM_END: u8 = 0x06;
const SYNC: u8 = 0x08;
const WRITE_REG: u8 = 0x09;
pub(crate) const READ_REG: u8 = 0x0A;
pub(crate) const READ_FLASH_SLOW: u8 = 0x0E;
pub(crate) const CHANGE_BAUDRATE: u8 = 0x0F;
pub(crate) const FLASH_DEFL_BEGIN: u8 = 0x10;
pub(crate) const FLASH_DEFL_DATA: u8 = 0x11;
pub(crate) const FLASH_MD5: u8 = 0x13;
const GET_SECURITY_INFO: u8 = 0x14;
const ERASE_FLASH: u8 = 0xD0;
const ERASE_REGION: u8 = 0xD1;
pub(crate) const READ_FLASH: u8 = 0xD2;

const SPI: u32 = 0x3FF4_2000;

/// What goes wrong, from the nth command of a kind on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is answered any more.
    Silence,
    /// Once, bytes at random come instead of the reply.
    Garbage,
    /// Once, the reply lacks a byte.
    DroppedByte,
    /// Once, the reply never comes, though the command was obeyed.
    LostReply,
    /// The chip says no, each time.
    Refusal,
    /// The checksum is wrong, each time.
    WrongChecksum,
    /// The cable is pulled.
    Unplugged,
}

/// What can be set and seen from outside.
pub(crate) struct Chip {
    pub(crate) flash: Vec<u8>,
    pub(crate) flash_id: u32,
    pub(crate) magic: u32,
    pub(crate) efuses: [u32; 7],
    /// Which fault, from which command of which kind on (counted from 0).
    pub(crate) fault: Option<(u8, u32, Fault)>,
    /// Takes and gives bytes no faster than a line of this rate, once the rate was raised.
    pub(crate) line_baud: Option<u32>,
    /// Ranges of the flash that were erased or written.
    pub(crate) touched: Vec<Range<u32>>,
    /// Every command that came, but for synchronising.
    pub(crate) commands: Vec<u8>,
}

pub(crate) struct StandIn {
    pub(crate) chip: Arc<Mutex<Chip>>,
    pub(crate) path: String,
    _slave: TTYPort,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Chip {
    /// A LoPy4 with `megabytes` of flash that hold something everywhere.
    pub(crate) fn new(megabytes: u32) -> Chip {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        let mut flash: Vec<u8> = (0..megabytes << 20).map(|_| random()).collect();
        // A blank stretch, as every flash has.
        flash[0x20_0000..0x30_0000].fill(0xFF);
        let mut efuses = [0; 7];
        efuses[1] = 0xC401_0203;
        efuses[2] = 0x240A;
        efuses[3] = 1 << 15;
        let size = megabytes.trailing_zeros() + 20;
        Chip {
            flash,
            flash_id: size << 16 | 0x40C8,
            magic: 0x00F0_1D83,
            efuses,
            fault: None,
            line_baud: None,
            touched: Vec::new(),
            commands: Vec::new(),
        }
    }

    pub(crate) fn count(&self, command: u8) -> usize {
        self.commands.iter().filter(|seen| **seen == command).count()
    }

    fn touch(&mut self, from: u32, size: u32) {
        self.touched.push(from..from + size);
    }

    fn erase(&mut self, from: u32, size: u32) {
        let (first, last) = (from / 0x1000 * 0x1000, (from + size).div_ceil(0x1000) * 0x1000);
        self.touch(first, last - first);
        let end = self.flash.len().min(last as usize);
        self.flash[first as usize..end].fill(0xFF);
    }

    fn program(&mut self, at: u32, bytes: &[u8]) {
        self.touch(at, bytes.len() as u32);
        for (old, new) in self.flash[at as usize..].iter_mut().zip(bytes) {
            *old &= new;
        }
    }
}

impl StandIn {
    /// Plugs a chip in, in download mode.
    pub(crate) fn plug_in(chip: Chip) -> StandIn {
        StandIn::plug_in_again(Arc::new(Mutex::new(chip)))
    }

    /// Plugs the same chip in again: the cable was pulled, or the reset button pressed.
    pub(crate) fn plug_in_again(chip: Arc<Mutex<Chip>>) -> StandIn {
        let (master, slave) = TTYPort::pair().unwrap();
        let path = slave.name().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut loader = Loader::new(master, Arc::clone(&chip), Arc::clone(&stop));
        let thread = thread::spawn(move || loader.run());
        StandIn { chip, path, _slave: slave, stop, thread: Some(thread) }
    }

    /// Waits until nothing answers any more.
    pub(crate) fn unplug(mut self) -> Arc<Mutex<Chip>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        Arc::clone(&self.chip)
    }
}

struct Loader {
    port: Option<TTYPort>,
    chip: Arc<Mutex<Chip>>,
    stop: Arc<AtomicBool>,
    stub: bool,
    silent: bool,
    spi: [u32; 64],
    seen: [u32; 256],
    write_at: u32,
    write_left: u32,
    inflate: Decompress,
    received: VecDeque<u8>,
    baud: u32,
    line_free_at: Instant,
}

impl Loader {
    fn new(port: TTYPort, chip: Arc<Mutex<Chip>>, stop: Arc<AtomicBool>) -> Loader {
        Loader {
            port: Some(port),
            chip,
            stop,
            stub: false,
            silent: false,
            spi: [0; 64],
            seen: [0; 256],
            write_at: 0,
            write_left: 0,
            inflate: Decompress::new(true),
            received: VecDeque::new(),
            baud: 115_200,
            line_free_at: Instant::now(),
        }
    }

    fn run(&mut self) {
        while let Some(frame) = self.frame() {
            if frame.len() >= 8 && frame[0] == 0 {
                self.obey(frame[1], &frame[8..]);
            }
        }
    }

    /// The next frame; `None` when the cable is pulled.
    fn frame(&mut self) -> Option<Vec<u8>> {
        let (mut frame, mut inside, mut escaped) = (Vec::new(), false, false);
        loop {
            let byte = self.byte()?;
            match (byte, escaped) {
                (0xC0, _) if inside && !frame.is_empty() => return Some(frame),
                (0xC0, _) => inside = true,
                (0xDB, false) => {}
                (0xDC, true) => frame.push(0xC0),
                (0xDD, true) => frame.push(0xDB),
                _ if inside => frame.push(byte),
                _ => {}
            }
            escaped = byte == 0xDB && !escaped;
        }
    }

    /// Waits as long as a line needs for so many bytes, ten bits each.
    fn line_takes(&mut self, bytes: usize) {
        if let Some(most) = self.chip.lock().unwrap().line_baud {
            let time = Duration::from_secs_f64(bytes as f64 * 10.0 / f64::from(self.baud.min(most)));
            self.line_free_at = self.line_free_at.max(Instant::now()) + time;
            thread::sleep(self.line_free_at.saturating_duration_since(Instant::now()));
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let mut bytes = [0; 4096];
        while self.received.is_empty() {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            match self.port.as_mut()?.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => {
                    self.received.extend(&bytes[..count]);
                    self.line_takes(count);
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                Err(_) => return None,
            }
        }
        self.received.pop_front()
    }

    fn send(&mut self, content: &[u8]) {
        let mut frame = vec![0xC0];
        for byte in content {
            match byte {
                0xC0 => frame.extend([0xDB, 0xDC]),
                0xDB => frame.extend([0xDB, 0xDD]),
                byte => frame.push(*byte),
            }
        }
        frame.push(0xC0);
        self.line_takes(frame.len());
        if let Some(port) = &mut self.port {
            let _ = port.write_all(&frame);
        }
    }

    fn fault(&mut self, op: u8) -> Option<Fault> {
        let (kind, from, fault) = self.chip.lock().unwrap().fault?;
        if kind != op {
            return None;
        }
        let seen = self.seen[usize::from(op)];
        self.seen[usize::from(op)] += 1;
        let once = matches!(fault, Fault::Garbage | Fault::DroppedByte | Fault::LostReply);
        (if once { seen == from } else { seen >= from }).then_some(fault)
    }

    fn obey(&mut self, op: u8, data: &[u8]) {
        if op != SYNC {
            self.chip.lock().unwrap().commands.push(op);
        }
        let fault = self.fault(op);
        match fault {
            Some(Fault::Silence) => self.silent = true,
            Some(Fault::Unplugged) => self.port = None,
            _ => {}
        }
        if self.silent || self.port.is_none() {
            return;
        }
        if fault == Some(Fault::Refusal) {
            return self.reply(op, 0, &[], 0x06, None);
        }
        let word = |at: usize| u32::from_le_bytes(data[4 * at..4 * at + 4].try_into().unwrap());
        let mut status = 0;
        let (mut value, mut answer) = (0, Vec::new());
        match op {
            SYNC => {
                for _ in 0..7 {
                    self.reply(op, 0, &[], 0, None);
                }
            }
            READ_REG => value = self.register(word(0)),
            WRITE_REG => self.set_register(word(0), word(1)),
            GET_SECURITY_INFO => status = 0x05,
            FLASH_BEGIN => {
                self.chip.lock().unwrap().erase(word(3), word(0));
                (self.write_at, self.write_left) = (word(3), u32::MAX);
            }
            FLASH_DEFL_BEGIN => {
                self.chip.lock().unwrap().erase(word(3), word(0));
                (self.write_at, self.write_left) = (word(3), word(0));
                self.inflate = Decompress::new(true);
            }
            FLASH_DATA => {
                let bytes = data[16..].to_vec();
                self.write(&bytes);
            }
            FLASH_DEFL_DATA => status = self.inflated(&data[16..]),
            FLASH_MD5 => answer = self.checksum(word(0), word(1), fault == Some(Fault::WrongChecksum)),
            READ_FLASH_SLOW => {
                let at = word(0) as usize;
                answer = self.chip.lock().unwrap().flash[at..at + 64].to_vec();
            }
            ERASE_FLASH | ERASE_REGION => self.chip.lock().unwrap().touch(0, u32::MAX),
            _ => {}
        }
        self.reply(op, value, &answer, status, fault);
        match op {
            CHANGE_BAUDRATE => self.baud = word(0),
            MEM_END => {
                self.stub = true;
                self.send(b"OHAI");
            }
            READ_FLASH => self.read_flash(word(0), word(1), word(2), word(3)),
            _ => {}
        }
    }

    fn reply(&mut self, op: u8, value: u32, answer: &[u8], status: u8, fault: Option<Fault>) {
        let status_bytes = if self.stub { 2 } else { 4 };
        let mut content = vec![1, op];
        content.extend(((answer.len() + status_bytes) as u16).to_le_bytes());
        content.extend(value.to_le_bytes());
        content.extend(answer);
        content.extend(&[u8::from(status != 0), status, 0, 0][..status_bytes]);
        match fault {
            Some(Fault::LostReply) => {}
            Some(Fault::Garbage) => {
                let noise: Vec<u8> = (0..97_u8).map(|n| n.wrapping_mul(151) ^ 0x5A).collect();
                if let Some(port) = &mut self.port {
                    let _ = port.write_all(&noise);
                }
            }
            Some(Fault::DroppedByte) => {
                content.remove(5);
                self.send(&content);
            }
            _ => self.send(&content),
        }
    }

    fn register(&self, address: u32) -> u32 {
        let chip = self.chip.lock().unwrap();
        match address {
            0x4000_1000 => chip.magic,
            0x3FF5_A000..=0x3FF5_A018 => chip.efuses[(address - 0x3FF5_A000) as usize / 4],
            // The divider of the UART, for a crystal of 40 MHz.
            0x3FF4_0014 => 347,
            SPI..=0x3FF4_20FF => self.spi[(address - SPI) as usize / 4],
            _ => 0,
        }
    }

    fn set_register(&mut self, address: u32, value: u32) {
        if !(SPI..SPI + 0x100).contains(&address) {
            return;
        }
        self.spi[(address - SPI) as usize / 4] = value;
        // The command register, and then the one that says which command.
        if address == SPI && value & 1 << 18 != 0 {
            self.spi[0] = 0;
            if self.spi[0x24 / 4] & 0xFF == 0x9F {
                self.spi[0x80 / 4] = self.chip.lock().unwrap().flash_id;
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(self.write_left as usize)];
        self.chip.lock().unwrap().program(self.write_at, bytes);
        self.write_at += bytes.len() as u32;
        self.write_left = self.write_left.saturating_sub(bytes.len() as u32);
    }

    fn inflated(&mut self, mut block: &[u8]) -> u8 {
        let mut out = [0; 8192];
        loop {
            let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
            match self.inflate.decompress(block, &mut out, FlushDecompress::None) {
                Err(_) if !block.is_empty() => return 0xC7,
                _ => {}
            }
            block = &block[(self.inflate.total_in() - taken) as usize..];
            let made = (self.inflate.total_out() - made) as usize;
            if made == 0 {
                return 0;
            }
            self.write(&out[..made]);
        }
    }

    fn checksum(&self, from: u32, size: u32, wrong: bool) -> Vec<u8> {
        let chip = self.chip.lock().unwrap();
        let mut sum = Md5::digest(&chip.flash[from as usize..(from + size) as usize]).to_vec();
        sum[0] ^= u8::from(wrong);
        if self.stub {
            return sum;
        }
        sum.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
    }

    fn read_flash(&mut self, from: u32, size: u32, block: u32, in_flight: u32) {
        let all = self.chip.lock().unwrap().flash[from as usize..(from + size) as usize].to_vec();
        let blocks: Vec<_> = all.chunks(block as usize).collect();
        let (mut sent, mut acknowledged) = (0, 0);
        while acknowledged < size as usize {
            while sent < blocks.len() && sent * (block as usize) < acknowledged + (in_flight * block) as usize
            {
                self.send(blocks[sent]);
                sent += 1;
            }
            match self.frame() {
                Some(frame) if frame.len() == 4 => {
                    acknowledged = u32::from_le_bytes(frame.try_into().unwrap()) as usize;
                }
                _ => return,
            }
        }
        self.send(&Md5::digest(&all));
    }
}

/// Long enough that nothing is on its way any more.
pub(crate) fn settle() {
    thread::sleep(Duration::from_millis(20));
}
