//! The real binary, run with a state folder and configuration of its own.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// A folder for one run: its configuration, and what the program remembers.
pub struct Lab {
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

impl Lab {
    pub fn new() -> Lab {
        Lab { folder: tempfile::tempdir().unwrap() }
    }

    pub fn config(&self, text: &str) -> PathBuf {
        let file = self.folder.path().join("lab.toml");
        fs::write(&file, text).unwrap();
        file
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinlight"));
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

/// A real Mosquitto, with a configuration and port of its own.
pub struct Mosquitto {
    child: Child,
    folder: TempDir,
    pub port: u16,
}

impl Mosquitto {
    /// Starts one with `listener` lines below its port; `{folder}` stands for a folder of its own.
    pub fn start(lines: &str, files: &[(&str, &str)]) -> Mosquitto {
        Mosquitto::with(&format!("listener {{port}} 127.0.0.1\n{lines}"), files)
    }

    /// Starts one with this configuration; `{port}` stands for its port, `{folder}` for a folder of
    /// its own with these files in it.
    pub fn with(text: &str, files: &[(&str, &str)]) -> Mosquitto {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::write(&file, text).unwrap();
            // As its owner would keep a key; Mosquitto minds with some files.
            let mut permissions = fs::metadata(&file).unwrap().permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
            fs::set_permissions(&file, permissions).unwrap();
        }
        let port = free_port();
        let text = text.replace("{folder}", folder.path().to_str().unwrap());
        let text = text.replace("{port}", &port.to_string());
        // Started by root, Mosquitto would change to a user that cannot read the folder.
        let user = Command::new("id").arg("-un").output().unwrap();
        let user = String::from_utf8(user.stdout).unwrap();
        let text = format!("{text}\nuser {}\n", user.trim());
        fs::write(folder.path().join("mosquitto.conf"), text).unwrap();
        let child = Self::spawn(&folder);
        let broker = Mosquitto { child, folder, port };
        broker.wait();
        broker
    }

    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn restart(&mut self) {
        self.child = Self::spawn(&self.folder);
        self.wait();
    }

    fn spawn(folder: &TempDir) -> Child {
        let program =
            if PathBuf::from("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
        Command::new(program)
            .arg("-c")
            .arg(folder.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs a real Mosquitto: install it with \".ci/setup test\"")
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "Mosquitto did not start");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It has ended already where the test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a Mosquitto's password file with one user.
pub fn passwords(user: &str, password: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c", file.to_str().unwrap(), user, password])
        .status()
        .expect("this test needs a real Mosquitto: install it with \".ci/setup test\"");
    assert!(made.success());
    fs::read_to_string(&file).unwrap()
}

/// A Mosquitto that lets this user in and nobody else.
pub fn guarded(user: &str, password: &str) -> Mosquitto {
    let lines = "allow_anonymous false\npassword_file {folder}/passwords";
    Mosquitto::start(lines, &[("passwords", &passwords(user, password))])
}

/// Clients that take all connections that a broker has, until it refuses one.
pub fn fill(port: u16) -> Vec<std::net::TcpStream> {
    use std::io::Write;
    // The look whether it runs was a connection too.
    thread::sleep(Duration::from_millis(300));
    let mut clients = Vec::new();
    for number in b'a'..=b'z' {
        let mut client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let hello = [&b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01"[..], &[number]].concat();
        let mut answer = [0; 4];
        // One that is refused may be gone before it has spoken.
        if client.write_all(&hello).is_err() || client.read_exact(&mut answer).is_err() {
            return clients;
        }
        assert_eq!(answer, [0x20, 2, 0, 0]);
        clients.push(client);
    }
    panic!("the broker refused nobody");
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Publishes one message over a plain socket: MQTT 3.1.1, written out by hand, so that bytes can be
/// sent that no client library would send.
pub fn publish_raw(port: u16, topic: &str, payload: &[u8]) {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test").unwrap();
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(payload);
    let mut packet = vec![0x30];
    let mut left = body.len();
    loop {
        let byte = u8::try_from(left % 128).unwrap();
        left /= 128;
        packet.push(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    stream.write_all(&packet).unwrap();
    stream.write_all(b"\xe0\x00").unwrap();
    // The broker closes once it has read all of it.
    let _ = stream.read(&mut [0; 1]);
}
