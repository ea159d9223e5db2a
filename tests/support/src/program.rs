//! The real binary, run with a state folder and configuration of its own.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// The binary, which Cargo puts above the folder of the test that runs.
pub fn binary() -> PathBuf {
    let folder = env::current_exe().unwrap().parent().unwrap().with_file_name("twinlight");
    folder.with_extension(env::consts::EXE_EXTENSION)
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
    pub heard: Vec<Value>,
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
        let mut child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Going { child, lines, heard: Vec::new() }
    }
}

impl Going {
    /// Waits until a line is as wanted, and returns it.
    pub fn wait_for(&mut self, what: &str, seconds: u64, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(seconds);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.heard.push(line.clone());
                    if wanted(&line) {
                        return line;
                    }
                }
                Err(_) => panic!("{what} did not come within {seconds} s; heard {:#?}", self.heard),
            }
        }
    }

    /// The port of the embedded broker.
    pub fn port(&mut self) -> u16 {
        let line = self.wait_for("the broker's address", 10, |line| line["kind"] == "broker");
        line["address"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Asks it to end as a terminal does, and returns how it ended.
    pub fn end(mut self) -> (i32, Vec<Value>) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap().code().unwrap();
        self.heard.extend(self.lines.iter());
        (status, std::mem::take(&mut self.heard))
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
