//! The commands for boards: the real binary against an emulated LoPy4.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use board_emulator::{ChipKind, Fault, Mode, Program};
use tempfile::TempDir;
use test_support::{board::Board, images};
use traffic_light::record::Record;

const PROVISIONING: &str = "junction = \"demo\"\nlight = \"b\"\npeers = [\"a\"]\n[wifi]\nssid = \"lab\"\n\
                            password = \"${WIFI}\"\n[broker]\nhost = \"192.168.1.2\"\n";

struct Terminal {
    folder: TempDir,
    board: Board,
}

struct CommandOutput {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Terminal {
    fn new(board: Board) -> Terminal {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("board.toml"), PROVISIONING).unwrap();
        Terminal { folder, board }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `command` on the board, with `more`; files are those of the lab's folder.
    fn command(&self, command: &str, more: &[&str]) -> Command {
        let mut run = twinlight(self.folder.path());
        run.args([command, "--port", &self.board.port(), "--entry", "none"]).args(more);
        run
    }

    fn run(&self, command: &str, more: &[&str]) -> CommandOutput {
        said(self.command(command, more).output().unwrap())
    }
}

fn twinlight(folder: &Path) -> Command {
    let mut command = Command::new(test_support::binary());
    command.current_dir(folder).env("WIFI", "a secret of the lab").env("XDG_DATA_HOME", folder.join("data"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: Output) -> CommandOutput {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandOutput { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn interrupt(child: &Child) {
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[track_caller]
fn assert_said(said: &CommandOutput, status: i32, what: &str) {
    assert_eq!(said.status, Some(status), "{}{}", said.out, said.err);
    assert!(format!("{}{}", said.out, said.err).contains(what), "{}{}", said.out, said.err);
}

#[test]
fn a_board_is_flashed_provisioned_and_restored() {
    let lab = Terminal::new(Board::new(4));
    let before = lab.board.flash();
    let flashed = lab.run("flash", &["--provision", "board.toml"]);
    assert_said(&flashed, 0, "flashed 24:0a:c4:01:02:03 (ESP32 revision 1.0, 4 MB of flash)");
    assert!(flashed.out.contains("press its reset button"), "{}", flashed.out);
    assert!(
        flashed.err.contains("back up the flash …") && flashed.err.contains("program: written"),
        "{}",
        flashed.err
    );
    assert!(!format!("{}{}", flashed.out, flashed.err).contains("a secret of the lab"));
    let first = Record::decode(&lab.board.flash()[0xF000..]).unwrap().provisioned_s;
    let an_hour_ago = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 3_600;
    assert!(u64::from(first) > an_hour_ago, "its runs' numbers begin with the time: {first}");
    let backup = flashed.out.lines().find_map(|line| line.strip_prefix("backup: ")).unwrap().to_owned();
    assert!(backup.contains("data/twinlight/backups/lopy4-240ac4010203-"), "{backup}");
    assert!(fs::read(&backup).unwrap() == before);

    let other = PROVISIONING.replace("\"lab\"", "\"upstairs\"");
    fs::write(lab.file("other.toml"), other).unwrap();
    let provisioned = lab.run("provision", &["--provision", "other.toml"]);
    assert_said(&provisioned, 0, "provisioned 24:0a:c4:01:02:03");
    let record = Record::decode(&lab.board.flash()[0xF000..]).unwrap();
    assert_eq!(
        (record.wifi.ssid.as_str(), record.wifi.password.as_str()),
        ("upstairs", "a secret of the lab")
    );
    assert!(record.provisioned_s >= first);

    assert_said(&lab.run("restore", &[&backup]), 0, "Pycom's block was that of the backup already");
    assert!(lab.board.flash() == before);
}

#[test]
fn a_backup_is_never_written_over_and_the_board_is_not_even_bothered() {
    let lab = Terminal::new(Board::new(4));
    assert_said(
        &lab.run("backup", &["--scope", "identity", "b.bin"]),
        0,
        "backed up 24:0a:c4:01:02:03: 4096 bytes",
    );
    let first = fs::read(lab.file("b.bin")).unwrap();
    lab.board.emulator.forget();
    assert_said(
        &lab.run("backup", &["b.bin"]),
        2,
        "b.bin exists already, and a backup is never written over",
    );
    let flash = ["--provision", "board.toml", "--backup-to", "b.bin"];
    assert_said(&lab.run("flash", &flash), 2, "choose another name");
    assert_eq!(fs::read(lab.file("b.bin")).unwrap(), first);
    assert_eq!(lab.board.seen().commands, []);
}

#[test]
fn what_is_wrong_with_the_command_line_or_a_file_ends_with_two() {
    let lab = Terminal::new(Board::new(4));
    fs::write(lab.file("bad.toml"), PROVISIONING.replace("ssid", "sside")).unwrap();
    fs::write(lab.file("no.bin"), "no image").unwrap();
    fs::write(lab.file("no.bin.toml"), "x = 1").unwrap();
    let flash = |more: &[&str]| lab.run("flash", &[&["--no-backup"], more].concat());
    assert_said(
        &flash(&["--provision", "bad.toml"]),
        2,
        "error: wifi.sside: it is not known here\n --> bad.toml:5:1\n",
    );
    assert_said(&flash(&["--provision", "none.toml"]), 2, "there is no such file");
    assert_said(&flash(&["--provision", "board.toml", "--image", "no.bin"]), 2, "no.bin is no image");
    assert_said(&flash(&["--provision", "board.toml", "--image", "none.bin"]), 2, "none.bin cannot be read");
    assert_said(&flash(&["--provision", "board.toml", "--backup-to", "b"]), 2, "cannot be used with");
    let magic = ["flash", "--port", "x", "--provision", "board.toml", "--entry", "magic"];
    let magic = said(twinlight(lab.folder.path()).args(magic).output().unwrap());
    assert_said(&magic, 2, "possible values: auto, pic, classic, manual, none");
    assert_said(&lab.run("restore", &["no.bin"]), 2, "has a no.bin.toml that cannot be read");
    assert_said(&lab.run("restore", &["none.bin"]), 2, "none.bin cannot be read");
    assert_eq!(lab.board.seen().commands, []);
}

#[test]
fn an_image_that_cannot_start_is_refused_with_the_reason_and_nothing_is_written() {
    let lab = Terminal::new(Board::new(4));
    let before = lab.board.flash();
    for image in images::refused() {
        fs::write(lab.file("image.bin"), &image.bytes).unwrap();
        let refused = lab.run("flash", &["--no-backup", "--provision", "board.toml", "--image", "image.bin"]);
        assert_said(&refused, 2, image.says);
        assert_said(&refused, 2, &format!("\nhelp: {}", image.help));
        lab.board.assert_unchanged();
    }
    assert!(lab.board.flash() == before);
}

#[test]
fn a_broker_that_means_something_else_on_the_board_is_refused_where_it_stands() {
    let lab = Terminal::new(Board::new(4));
    let before = lab.board.flash();
    for (host, what) in [
        ("localhost", "localhost means the board itself on a board"),
        ("127.0.0.1", "127.0.0.1 means the board itself on a board"),
        ("0.0.0.0", "0.0.0.0 is the address of no computer"),
        ("255.255.255.255", "255.255.255.255 means all computers"),
        ("239.0.0.1", "239.0.0.1 means a group of computers"),
        ("10.0.0", "10.0.0 is no IPv4 address"),
    ] {
        fs::write(lab.file("board.toml"), PROVISIONING.replace("192.168.1.2", host)).unwrap();
        for command in [&["flash", "--no-backup"][..], &["provision"]] {
            let refused = lab.run(command[0], &[&command[1..], &["--provision", "board.toml"]].concat());
            assert_said(&refused, 2, &format!("error: broker.host: {what}"));
            assert_said(&refused, 2, "write the broker's address in the board's network");
        }
    }
    // The broker of a configuration on this computer: what comes with the program names it so.
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/mosquitto.toml");
    let text = format!(
        "config = {:?}\nlight = \"b\"\n[wifi]\nssid = \"lab\"\npassword = \"${{WIFI}}\"\n",
        config.to_str().unwrap()
    );
    fs::write(lab.file("board.toml"), text).unwrap();
    let refused = lab.run("flash", &["--no-backup", "--provision", "board.toml"]);
    assert_said(&refused, 2, "localhost means the board itself on a board");
    assert_eq!(lab.board.seen().commands, []);
    assert!(lab.board.flash() == before);
}

#[test]
fn a_board_that_fails_ends_with_one_and_a_check_that_fails_with_three() {
    let lab = Terminal::new(Board::made(4, |builder| builder.chip(ChipKind::Esp32S3)));
    let flash = ["--provision", "board.toml", "--no-backup"];
    assert_said(
        &lab.run("flash", &flash),
        1,
        "the chip is an ESP32-S3, not an ESP32\nhelp: nothing was written",
    );
    let lab = Terminal::new(Board::new(4));
    lab.board.emulator.arm(Fault::wrong_md5().lasting());
    assert_said(&lab.run("flash", &flash), 3, "does not read back as it was written, twice");
    let gone =
        said(twinlight(lab.folder.path()).args(["backup", "--port", "/dev/no-such", "x"]).output().unwrap());
    assert_said(&gone, 1, "there is no serial port /dev/no-such\nhelp: plug the board in");
    assert!(!lab.file("x").exists());
}

#[test]
fn a_key_that_the_configuration_has_and_the_board_lacks_is_warned_of() {
    let lab = Terminal::new(Board::new(4));
    let text = "[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\nrun = [\"a\"]\nkey = \"sixteen-or-more-bytes\"\n";
    fs::write(lab.file("lab.toml"), text).unwrap();
    let flashed = lab.run("flash", &["--config", "lab.toml", "--provision", "board.toml", "--no-backup"]);
    assert_said(
        &flashed,
        0,
        "warning: the junction demo of the configuration has a key and the board has none",
    );
}

#[test]
fn ctrl_c_ends_between_blocks_and_leaves_nothing_half() {
    let lab = Terminal::new(Board::new(8));
    let mut child = lab.command("backup", &["b.bin"]).spawn().unwrap();
    let err = BufReader::new(child.stderr.take().unwrap());
    let mut lines = err.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("back up the flash")));
    sleep(Duration::from_millis(50));
    interrupt(&child);
    let rest: Vec<_> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
    assert!(
        rest.iter().any(|line| line == "error: the job was cancelled")
            && rest.iter().any(|line| line.starts_with("help: nothing was changed on the board")),
        "{rest:?}"
    );
    assert_eq!(fs::read_dir(lab.folder.path()).unwrap().count(), 1, "only board.toml");
    assert_said(&lab.run("backup", &["--scope", "identity", "b.bin"]), 0, "backed up");
}

#[test]
fn nobody_to_ask_about_pycoms_block_leaves_it_alone_and_ends_with_three() {
    let lab = Terminal::new(Board::new(4));
    assert_said(&lab.run("backup", &["--scope", "identity", "b.bin"]), 0, "4096 bytes");
    lab.board.flip(0x3F_F000);
    let left = lab.run("restore", &["b.bin"]);
    assert_said(&left, 3, "was left alone");
    assert!(left.err.contains("--write-identity"), "{}", left.err);
    lab.board.assert_unchanged();
    assert_said(&lab.run("restore", &["b.bin", "--write-identity"]), 0, "was written too");
}

#[test]
fn ports_lists_what_is_there_as_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    let listed = said(twinlight(folder.path()).args(["ports", "--json"]).output().unwrap());
    assert_eq!(listed.status, Some(0), "{}", listed.err);
    for line in listed.out.lines() {
        let port: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(port["port"].is_string() && port["lopy4"].is_boolean(), "{port}");
    }
    let table = said(twinlight(folder.path()).arg("ports").output().unwrap());
    assert_eq!(table.status, Some(0));
    if table.out.is_empty() {
        assert!(table.err.contains("many only charge"), "{}", table.err);
    }
}

#[test]
fn monitor_prints_the_log_survives_unplugging_and_ends_with_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("tty");
    let text = |boot: &str| Program::Text {
        boot: boot.to_owned(),
        lines: Vec::new(),
        every: Duration::from_secs(1),
    };
    let mut board = Board::made(4, |builder| builder.program(text("")).mode(Mode::Running));
    let plugged_in = |board: &Board| {
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(board.port(), &link).unwrap();
    };
    plugged_in(&board);
    let mut child = twinlight(folder.path()).args(["monitor", "--port", "tty"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(err.next().unwrap().unwrap().contains("the log of the board on tty"));
    board.emulator.say("rst:0x1\r\n     1.500 warning the broker is gone\r\n");
    assert_eq!(out.next().unwrap().unwrap(), "rst:0x1");
    assert_eq!(out.next().unwrap().unwrap(), "     1.500 warning the broker is gone");
    board.emulator.unplug();
    assert!(err.next().unwrap().unwrap().contains("unplugged"));
    board.emulator.plug_in(Mode::Running).unwrap();
    plugged_in(&board);
    let back = err.by_ref().map(Result::unwrap).find(|line| line == "it is back");
    assert!(back.is_some());
    board.emulator.say("     2.000 info    again\r\n");
    assert_eq!(
        out.find_map(|line| line.ok().filter(|line| !line.is_empty())).unwrap(),
        "     2.000 info    again"
    );
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The first `count` lines that `monitor` prints of `board`, once the log is open and `sent` was said, and all its notes.
fn monitored(board: &Board, sent: &[&str], count: usize) -> (Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = twinlight(folder.path()).args(["monitor", "--port", &board.port()]).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut notes = String::new();
    err.read_line(&mut notes).unwrap();
    for piece in sent {
        board.emulator.say(piece);
    }
    let out = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = out.take(count).map(Result::unwrap).collect();
    interrupt(&child);
    err.read_to_string(&mut notes).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    (lines, notes)
}

#[test]
fn monitor_prints_lines_without_what_commands_a_terminal_and_with_nothing_lost() {
    let boot = || Program::Text { boot: String::new(), lines: Vec::new(), every: Duration::from_secs(1) };
    let board = Board::made(4, |builder| builder.program(boot()).mode(Mode::Running));
    let long = "0123456789 ".repeat(100);
    let bar: String = (0..=100).map(|percent| format!("\rloading {percent} %")).collect();
    let sent = [
        "\u{1b}]0;ti",
        "tle\u{7}\u{1b}[3",
        "2mgreen\u{1b}[0m\u{9b}1mer\u{1b}P1$r",
        "\u{1b}\\ light\r\nredd\u{8} \u{8}\ra\nb\r",
        "\n",
        &bar,
        "\r\n",
        &long,
        "\r\nend\r\n",
    ];
    let (lines, notes) = monitored(&board, &sent, 9);
    assert_eq!(lines[..6], ["greener light", "red", "a", "b", "loading 0 %", "loading 100 %"]);
    assert_eq!(lines.len(), 9);
    assert!(lines[6].ends_with('…') && lines[7].starts_with('…') && lines[7].ends_with('…'));
    assert!(lines[8].starts_with('…') && !lines[8].ends_with('…'));
    let joined: String = lines[6..].iter().map(|line| line.trim_matches('…')).collect();
    assert_eq!(joined, long.trim_end());
    assert!(!notes.contains("flash it again"), "{notes}");
}

#[test]
fn monitor_says_to_flash_a_half_written_board_again_and_says_so_once() {
    let board = Board::made(4, |builder| builder.mode(Mode::Running));
    let (lines, notes) = monitored(&board, &[], 24);
    assert!(
        lines.iter().filter(|line| line.starts_with("invalid header: 0xffffffff")).count() > 1,
        "{lines:?}"
    );
    let told = "the flash has no bootloader: its place is blank (help: flash it again)";
    assert_eq!(notes.matches(told).count(), 1, "{notes}");
    // A program that ends in the middle, with a bootloader ahead of it.
    board.write(0x1000, &[0xE9]);
    board.write(0x1_0000, &[0xFF]);
    board.emulator.reset();
    let (_, notes) =
        monitored(&board, &["E (31) boot: No bootable app partitions in the partition table\r\n"], 1);
    assert_eq!(notes.matches("the bootloader found no program that it can start").count(), 1, "{notes}");
    assert!(notes.contains("(help: flash it again)"), "{notes}");
}
