//! What the program remembers between runs, with anything in it: the real binary, with real files, and its real
//! window on a virtual screen.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use test_support::{Workspace, binary};

const KEYED: &str =
    "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\nkey = \"auto\"\n";
const KEYS: &str = "junction-keys.toml";
/// What the window reads beside its own settings, and does without.
const BESIDE: [&str; 3] = ["boards-login.toml", "last-run", "check-seal.key"];
/// Of a start on a machine that does much else.
const SOON: Duration = Duration::from_secs(60);

/// What every remembered file is fed.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let numbers = "The highest number of a run: 4294967295\nzoom = -1e999\nspan_s = 18446744073709551616\n";
    let types =
        "keys = 5\nuser = []\npassword = {}\ntheme = 1\nzoom = \"x\"\nsize = [1]\npanels = [[]]\nleft = 0\n";
    vec![
        ("empty", Vec::new()),
        ("NUL", vec![0; 4_096]),
        ("no UTF-8", vec![0xff; 64]),
        ("truncated", b"[keys]\n\"embedded/demo\" = \"Zq3".to_vec()),
        ("wrong types", types.into()),
        ("extreme numbers", numbers.into()),
        ("deeply nested", format!("keys = {}", "[".repeat(100_000)).into()),
        ("control characters", b"[keys]\n\"embedded/demo\" = \"\\u0000\\u001b[2Jxxxxxxxxxxxxxx\"\n".to_vec()),
        ("an empty key", b"[keys]\n\"embedded/demo\" = \"\"\n".to_vec()),
    ]
}

/// As long as no memory would hold, without taking room on the disk.
fn make_huge(file: &Path) {
    fs::File::create(file).unwrap().set_len(1 << 40).unwrap();
}

fn state(lab: &Workspace) -> PathBuf {
    let folder = lab.folder.path().join("state");
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_run_with_anything_in_its_files_runs_or_says_which_file_is_damaged() {
    let lab = Workspace::new();
    let config = lab.config(KEYED);
    let args = ["run", "--json", "--seconds", "1", "--config", config.to_str().unwrap()];
    let run = |what: &str| {
        let output = lab.command(&args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{what}: {said}");
        (output.status.code(), said)
    };
    for file in [KEYS, "last-run"] {
        let path = state(&lab).join(file);
        let mut contents: Vec<_> = broken().into_iter().map(|(what, bytes)| (what, Some(bytes))).collect();
        contents.push(("huge", None));
        for (what, bytes) in contents {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => make_huge(&path),
            }
            let what = format!("{file}: {what}");
            let (status, said) = run(&what);
            match file {
                // A new key would lock out the partner without a word.
                KEYS => {
                    assert_ne!(status, Some(0), "{what}: {said}");
                    assert!(
                        said.contains(file) && said.contains("not as this program wrote it"),
                        "{what}: {said}"
                    );
                }
                _ => assert_eq!(status, Some(0), "{what}: {said}"),
            }
            fs::remove_file(&path).unwrap();
        }
    }
}

/// A screen without a desktop.
struct Screen {
    server: Child,
    name: String,
}

impl Screen {
    fn start() -> Screen {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Xvfb and xdotool: install them with \".ci/setup test\"");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        assert!(!number.trim().is_empty(), "Xvfb did not start");
        Screen { server, name: format!(":{}", number.trim()) }
    }

    fn xdotool(&self, args: &[&str]) -> String {
        let output = Command::new("xdotool").args(args).env("DISPLAY", &self.name).output();
        let output = output.expect("this test needs Xvfb and xdotool: install them with \".ci/setup test\"");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The window of a program, as the screen has it.
struct Shown {
    program: Child,
    id: String,
    at: (i32, i32),
    size: (i32, i32),
}

impl Shown {
    fn open(screen: &Screen, lab: &Workspace, what: &str) -> Shown {
        let program = Command::new(binary())
            .args(["--config", lab.config(KEYED).to_str().unwrap()])
            .env("TWINLIGHT_STATE", state(lab))
            .env("XDG_DATA_HOME", lab.folder.path())
            .env("DISPLAY", &screen.name)
            .env("WINIT_UNIX_BACKEND", "x11")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut shown = Shown { program, id: String::new(), at: (0, 0), size: (0, 0) };
        let until = Instant::now() + SOON;
        loop {
            if shown.program.try_wait().unwrap().is_some() {
                panic!("{what}: it ended by itself: {}", shown.told());
            }
            let found = screen.xdotool(&["search", "--onlyvisible", "--name", "^Twinlight"]);
            if let Some(id) = found.lines().next() {
                id.clone_into(&mut shown.id);
                break;
            }
            assert!(Instant::now() < until, "{what}: there is no window to be seen");
            thread::sleep(Duration::from_millis(50));
        }
        shown.look(screen);
        shown
    }

    /// Looks where it is, and how large.
    fn look(&mut self, screen: &Screen) {
        let text = screen.xdotool(&["getwindowgeometry", "--shell", &self.id]);
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name}: {text}"))
        };
        self.at = (number("X"), number("Y"));
        self.size = (number("WIDTH"), number("HEIGHT"));
    }

    fn told(&mut self) -> String {
        let mut told = String::new();
        self.program.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        told
    }

    /// Closes it as a person does, and returns what it said.
    fn close(mut self, screen: &Screen) -> String {
        let until = Instant::now() + SOON;
        while self.program.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "it goes on after its window was closed");
            screen.xdotool(&["windowfocus", "--sync", &self.id, "key", "--window", &self.id, "ctrl+q"]);
            thread::sleep(Duration::from_millis(300));
        }
        let told = self.told();
        let status = self.program.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{told}");
        told
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// What eframe itself once kept: a zoom of 0 ended it, a place off the screen hid it.
const FRAME: &str = r#"{"window":"(normal_geometry:(outer_position_pixels:Some((x:99999.0,y:-99999.0)),scale_factor:0.0,inner_size_points:(x:NaN,y:0.0)),fullscreen:false,maximized:false)","egui":"(options:(zoom_factor:0.0))"}"#;

#[test]
fn a_window_with_anything_remembered_is_seen_on_its_screen() {
    let screen = Screen::start();
    let windows = [
        ("nothing", None, (1_280, 800)),
        ("zoom 0 and size 0", Some("zoom = 0.0\nsize = [0, 0]\n"), (1_280, 800)),
        ("zoom NaN", Some("zoom = nan\nsize = [900, 600]\n"), (900, 600)),
        ("zoom -1 and a size below 0", Some("zoom = -1\nsize = [-5, -5]\nmaximized = 7\n"), (1_280, 800)),
        (
            "larger than the screen",
            Some("size = [16000, 16000]\n[panels]\nlog = 1e30\nlights = -1.0\nx = nan\n"),
            (1_280, 800),
        ),
        ("larger than any screen", Some("size = [4294967295, 4294967295]\nzoom = inf\n"), (1_280, 800)),
        ("maximized", Some("maximized = true\nsize = [800, 500]\n"), (800, 500)),
        ("half a file", Some("theme = \"Dark\"\nsize = [9"), (1_280, 800)),
    ];
    for ((what, text, size), (other, bytes)) in windows.into_iter().zip(broken()) {
        let what = &format!("{what}, and the others {other}");
        let lab = Workspace::new();
        for file in BESIDE {
            fs::write(state(&lab).join(file), &bytes).unwrap();
        }
        // As eframe would have looked for it.
        fs::create_dir(lab.folder.path().join("twinlight")).unwrap();
        fs::write(lab.folder.path().join("twinlight/app.ron"), FRAME).unwrap();
        if let Some(text) = text {
            fs::write(state(&lab).join("window.toml"), text).unwrap();
        }
        let shown = Shown::open(&screen, &lab, what);
        assert_eq!(shown.size, size, "{what}");
        let (x, y) = shown.at;
        assert!((0..1_280).contains(&x) && (0..800).contains(&y), "{what}: it is at {x}, {y}");
        let told = shown.close(&screen);
        assert!(!told.contains("panicked"), "{what}: {told}");
    }
}

#[test]
fn a_window_has_the_size_at_its_next_start_that_it_was_given() {
    let (screen, lab) = (Screen::start(), Workspace::new());
    let mut shown = Shown::open(&screen, &lab, "the first start");
    screen.xdotool(&["windowsize", "--sync", &shown.id, "1000", "640"]);
    shown.look(&screen);
    assert_eq!(shown.size, (1_000, 640));
    let file = state(&lab).join("window.toml");
    let until = Instant::now() + SOON;
    // It is written while the window is open, too.
    while !fs::read_to_string(&file).is_ok_and(|text| text.contains("1000") && text.contains("640")) {
        assert!(Instant::now() < until, "{:?}", fs::read_to_string(&file));
        thread::sleep(Duration::from_millis(100));
    }
    shown.close(&screen);
    let shown = Shown::open(&screen, &lab, "the next start");
    assert_eq!(shown.size, (1_000, 640));
    shown.close(&screen);
}
