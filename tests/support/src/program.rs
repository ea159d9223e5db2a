//! The real binary, run with a state folder and configuration of its own.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    mem::take,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// The binary, which Cargo puts above the folder of the test that runs, and beside a program that runs.
pub fn binary() -> PathBuf {
    let this = env::current_exe().unwrap();
    let folder = this.parent().unwrap();
    let folder = if folder.ends_with("deps") { folder.parent().unwrap() } else { folder };
    folder.join("twinlight").with_extension(env::consts::EXE_EXTENSION)
}

/// A folder for one run: its configuration, and what the program remembers.
pub struct Workspace {
    pub folder: TempDir,
}

/// What a run with `--json` said, and how it ended.
pub struct Run {
    pub lines: Vec<Value>,
    pub status: i32,
    pub stderr: String,
}

/// A run that goes on.
pub struct Going {
    child: Child,
    lines: Receiver<Value>,
    notes: Receiver<String>,
    /// The lines of its standard output that were waited for or passed over.
    pub heard: Vec<Value>,
    /// The same of its standard error.
    told: Vec<String>,
}

impl Default for Workspace {
    fn default() -> Workspace {
        Workspace::new()
    }
}

impl Workspace {
    pub fn new() -> Workspace {
        Workspace { folder: tempfile::tempdir().unwrap() }
    }

    pub fn config(&self, text: &str) -> PathBuf {
        let file = self.folder.path().join("lab.toml");
        fs::write(&file, text).unwrap();
        file
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).env("TWINLIGHT_STATE", self.folder.path().join("state"));
        for display in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
            command.env_remove(display);
        }
        command.stdin(Stdio::null());
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Fails unless `args` are refused as wrong usage or configuration, with all `words`.
    pub fn assert_refused(&self, args: &[&str], words: &[&str]) {
        let output = self.output(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{args:?} does not say {word:?}: {said}");
        }
    }

    /// Runs to the end.
    pub fn run(&self, config: &str, seconds: u32) -> Run {
        let file = self.config(config);
        let seconds = seconds.to_string();
        let args = ["run", "--json", "--seconds", &seconds, "--config", file.to_str().unwrap()];
        let output = self.output(&args);
        let lines = String::from_utf8(output.stdout).unwrap();
        Run {
            lines: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            status: output.status.code().unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a run that ends when it is told to, or with its test.
    pub fn start(&self, args: &[&str]) -> Going {
        let mut child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines =
            lines_of(child.stdout.take().unwrap(), |line| serde_json::from_str(&line).unwrap_or(line.into()));
        let notes = lines_of(child.stderr.take().unwrap(), |line| {
            eprintln!("{line}");
            line
        });
        Going { child, lines, notes, heard: Vec::new(), told: Vec::new() }
    }

    /// Starts `run` with this configuration.
    pub fn start_run(&self, config: &str) -> Going {
        let file = self.config(config);
        self.start(&["run", "--json", "--config", file.to_str().unwrap()])
    }
}

/// What a program says, line by line, read in the background.
fn lines_of<T: Send + 'static>(
    pipe: impl Read + Send + 'static,
    read: impl Fn(String) -> T + Send + 'static,
) -> Receiver<T> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        // Whoever does not listen any more has what it wanted.
        let _ = lines.map(read).try_for_each(|line| sender.send(line));
    });
    lines
}

impl Going {
    /// Waits until a line is as wanted, and returns it.
    pub fn wait_for(&mut self, what: &str, seconds: u64, wanted: impl Fn(&Value) -> bool) -> Value {
        self.look_for(Duration::from_secs(seconds), wanted)
            .unwrap_or_else(|| panic!("{what} did not come within {seconds} s; heard {:#?}", self.heard))
    }

    /// Waits until a fault has ended.
    pub fn wait_for_fault_end(&mut self, seconds: u64) {
        self.wait_for("the fault's end", seconds, |line| line["kind"] == "fault" && line["on"] == false);
    }

    /// Waits until each of these lights has been green, from now on and within this time in all.
    pub fn wait_for_greens(&mut self, lights: &[&str], seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut missing = lights.to_vec();
        while !missing.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let Some(green) = self.look_for(left, |line| line["aspect"] == "green") else {
                panic!("{missing:?} had no green within {seconds} s; heard {:#?}", self.heard);
            };
            missing.retain(|light| green["light"] != *light);
        }
    }

    /// Fails if such a line comes within this time.
    pub fn stays_without(&mut self, what: &str, time: Duration, unwanted: impl Fn(&Value) -> bool) {
        let came = self.look_for(time, unwanted);
        assert!(came.is_none(), "{what}: {came:?}; heard {:#?}", self.heard);
    }

    /// Waits for words on standard error.
    pub fn wait_for_note(&mut self, words: &str, seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds);
        while let Ok(note) = self.notes.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.told.push(note);
            if self.told.last().is_some_and(|note| note.contains(words)) {
                return;
            }
        }
        panic!("{words:?} was not said within {seconds} s: {:#?}", self.told);
    }

    fn look_for(&mut self, time: Duration, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let until = Instant::now() + time;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.heard.push(line.clone());
            if wanted(&line) {
                return Some(line);
            }
        }
        None
    }

    /// The port of the embedded broker.
    pub fn port(&mut self) -> u16 {
        let line = self.wait_for("the broker's address", 10, |line| line["kind"] == "broker");
        line["address"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Waits until it has ended by itself; `None` if it has not by then.
    pub fn wait_for_end(&mut self, time: Duration) -> Option<i32> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(100));
        }
        None
    }

    /// The most memory that it has had, in KiB; `None` where it has ended.
    pub fn most_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Asks it to end as a terminal does, and returns how it ended.
    pub fn end(self) -> (i32, Vec<Value>) {
        let run = self.finish();
        (run.status, run.lines)
    }

    /// Asks it to end as a terminal does, and returns all that it said.
    pub fn finish(mut self) -> Run {
        if self.child.try_wait().unwrap().is_none() {
            let id = self.child.id().to_string();
            assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        }
        let status = self.child.wait().unwrap().code().unwrap();
        self.heard.extend(self.lines.iter());
        self.told.extend(self.notes.iter());
        Run { lines: take(&mut self.heard), status, stderr: self.told.join("\n") }
    }

    /// Ends it without a chance to say goodbye.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // It has ended already where the test ended it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Run {
    pub fn summary(&self) -> &Value {
        let last = self.lines.last().unwrap_or_else(|| panic!("nothing was said; {}", self.stderr));
        assert_eq!(last["kind"], "summary", "{}", self.stderr);
        last
    }

    /// The aspects of all lights in their order: time, light, aspect.
    pub fn aspects(&self) -> Vec<(u64, &str, &str)> {
        let aspects = self.lines.iter().filter(|line| line["kind"] == "aspect");
        aspects
            .map(|line| {
                (
                    line["ms"].as_u64().unwrap(),
                    line["light"].as_str().unwrap(),
                    line["aspect"].as_str().unwrap(),
                )
            })
            .collect()
    }

    /// The lights in the order of their greens.
    pub fn greens(&self) -> Vec<&str> {
        self.aspects()
            .into_iter()
            .filter(|(_, _, aspect)| *aspect == "green")
            .map(|(_, light, _)| light)
            .collect()
    }

    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.iter().filter(move |line| line["kind"] == kind)
    }
}
