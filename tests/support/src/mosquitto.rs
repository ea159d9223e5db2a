//! A real Mosquitto.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::free_port;

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
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
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
pub fn fill(port: u16) -> Vec<TcpStream> {
    // The look whether it runs was a connection too.
    thread::sleep(Duration::from_millis(300));
    let mut clients = Vec::new();
    for number in b'a'..=b'z' {
        let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
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
