//! What stands in for a LoPy4: a real MicroPython which restarts after `machine.reset()` or when its watchdog is not
//! fed, and stands at the prompt, sockets open, when its program has ended.
//!
//! One thing is not as on a board: when it restarts, its kernel closes the old connections, so that the broker hears of it.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, pipe},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::folder;

/// Lines of its log that are kept.
const LOG: usize = 200;
/// From a reset to the program's start.
const BOOT: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(50);

/// A board that runs until it is dropped.
pub struct Board {
    folder: TempDir,
    log: Arc<Mutex<VecDeque<String>>>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl Board {
    /// Starts `program` as its `main.py`.
    pub fn start(micropython: &Path, program: &str) -> Board {
        let board = tempfile::tempdir().unwrap();
        let place = |from: PathBuf, to: &str| {
            let to = board.path().join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        };
        for file in ["boot.py", "machine.py", "network.py"] {
            place(folder().join("board").join(file), file);
        }
        let libraries = micropython.ancestors().nth(3).unwrap();
        for file in ["umqtt/simple.py", "umqtt/robust.py"] {
            place(libraries.join(file), file);
        }
        fs::write(board.path().join("main.py"), program).unwrap();
        let hook = board.path().join("wifi");
        let text = "#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 1\n\
                    case \"$1\" in\ndown) touch no-wifi; rm -f joined ;;\nup) rm -f no-wifi ;;\nesac\n";
        fs::write(&hook, text).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o700)).unwrap();

        let log = Arc::<Mutex<VecDeque<String>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (path, micropython) = (board.path().to_owned(), micropython.to_owned());
        let (keeps, stops) = (log.clone(), stop.clone());
        let running = thread::spawn(move || {
            while !stops.load(Ordering::Relaxed) {
                let _ = fs::remove_file(path.join("joined"));
                let (mut child, lines) = spawn(&micropython, &path);
                run(&lines, &keeps, &stops);
                let _ = child.kill();
                let _ = child.wait();
                if !stops.load(Ordering::Relaxed) {
                    thread::sleep(BOOT);
                }
            }
        });
        Board { folder: board, log, stop, running: Some(running) }
    }

    /// A command that switches its Wi-Fi: `down`, `up`.
    pub fn wifi_hook(&self) -> PathBuf {
        self.folder.path().join("wifi")
    }

    /// There while the board is on the Wi-Fi.
    pub(super) fn joined(&self) -> PathBuf {
        self.folder.path().join("joined")
    }

    /// What its program printed, and what became of it.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().cloned().collect()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

fn spawn(micropython: &Path, folder: &Path) -> (Child, Receiver<String>) {
    let (output, input) = pipe().unwrap();
    let child = Command::new(micropython)
        .arg("boot.py")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(input.try_clone().unwrap())
        .stdout(input)
        .spawn()
        .unwrap();
    let (sender, lines) = channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        // Whoever listened is gone when the board has stopped.
        let _ = lines.try_for_each(|line| sender.send(line));
    });
    (child, lines)
}

/// Until it is to restart, or to stop.
fn run(lines: &Receiver<String>, log: &Mutex<VecDeque<String>>, stop: &AtomicBool) {
    let keep = |line: &str| {
        let mut log = log.lock().unwrap();
        if log.len() == LOG {
            log.pop_front();
        }
        log.push_back(line.to_owned());
    };
    let mut watchdog: Option<(Duration, Instant)> = None;
    while !stop.load(Ordering::Relaxed) {
        let line = match lines.recv_timeout(LOOK) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                if watchdog.is_some_and(|(_, until)| Instant::now() >= until) {
                    return keep("@board reset by its watchdog");
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return keep("@board MicroPython itself has ended"),
        };
        match line.strip_prefix("@board ").map(|rest| rest.split_once(' ').unwrap_or((rest, ""))) {
            Some(("feed", _)) => {
                if let Some((limit, until)) = &mut watchdog {
                    *until = Instant::now() + *limit;
                }
                continue;
            }
            Some(("watchdog", limit)) => {
                let limit = Duration::from_millis(limit.parse().unwrap());
                watchdog = Some((limit, Instant::now() + limit));
            }
            Some(("reset", _)) => return keep(&line),
            _ => {}
        }
        keep(&line);
    }
}
