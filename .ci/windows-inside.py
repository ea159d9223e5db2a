"""Uses the program for Windows as its users do, under Wine: see .ci/windows."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

FOLDER = Path(sys.argv[1])
PROGRAM = [os.environ["WINE"], os.environ["TWINLIGHT"]]
PREFIX = Path(os.environ["WINEPREFIX"])
STARTED = time.monotonic()


def fail(text):
    print(f"windows: FAILED: {text}", file=sys.stderr)
    sys.exit(1)


def check(held, text):
    if not held:
        fail(text)


def well(text):
    print(f"windows: {text} ({time.monotonic() - STARTED:.0f} s)", flush=True)


def windows_path(path):
    return "Z:" + str(path).replace("/", "\\")


def twinlight(*arguments, status=0, seconds=120, stdin=""):
    """Runs it to its end; returns standard output and standard error."""
    done = subprocess.run(
        [*PROGRAM, *arguments], input=stdin, capture_output=True, encoding="utf-8", timeout=seconds, cwd=FOLDER
    )
    said = f"{done.stdout}\n{done.stderr}"
    check(done.returncode == status, f"{arguments} ended with {done.returncode}, not {status}:\n{said}")
    check("panicked" not in said, f"{arguments} panicked:\n{said}")
    return done.stdout, done.stderr


def lines_of(pipe):
    lines = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in pipe], daemon=True).start()
    return lines


def wait_for(lines, words, seconds):
    heard = []
    until = time.monotonic() + seconds
    while True:
        try:
            line = lines.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            fail(f"{words!r} did not come within {seconds} s: {heard}")
        heard.append(line)
        if words in line:
            return line


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pair(arguments, seconds):
    """Runs a pair, and says what is wrong with its summary."""
    out, _ = twinlight(*arguments, "--json", "--seconds", str(seconds), seconds=seconds + 60)
    summary = json.loads(out.splitlines()[-1])
    check(summary["kind"] == "summary", f"the last line is no summary: {summary}")
    check(summary["conflicts"] == 0, f"a conflict: {summary}")
    greens = summary["greens"]
    check(len(greens) == 2 and min(greens.values()) > 0, f"not both lights were green: {summary}")
    return out, summary


version = next(
    line.split('"')[1] for line in Path("Cargo.toml").read_text().splitlines() if line.startswith("version = ")
)
out, _ = twinlight("--version")
check(out.strip() == f"twinlight {version}", f"--version says {out!r}")
well(out.strip())

# What Windows shows of the file itself.
image = Path(os.environ["TWINLIGHT"]).read_bytes()
shown = [text.encode("utf-16-le") for text in ("FileVersion\0", f"{version}\0", "FileDescription\0", "OriginalFilename\0")]
check(all(text in image for text in shown), "the file has no version")
icon = Path("assets/icon.ico").read_bytes()
picture = icon[icon.index(b"\x89PNG") :]
picture = picture[: picture.index(b"IEND") + 8]
check(picture in image, "the file has no icon")
check(b"consoleAllocationPolicy" in image and b"PerMonitorV2" in image, "the file has no manifest")
well("the file has version, icon and manifest")

out, _ = twinlight("presets")
for preset in Path("config").glob("*.toml"):
    if preset.stem in ("default", "crossing", "lnu", "mosquitto-tls"):
        check(preset.stem in out, f"presets lacks {preset.stem}: {out}")
out, _ = twinlight("presets", "default")
check(out.splitlines() == Path("config/default.toml").read_text().splitlines(), "presets default is another text")
_, err = twinlight("run", "--preset", "crosing", status=2)
check("crossing" in err, f"a mistyped preset is not understood: {err}")
well("presets are listed and printed, a mistyped one is refused")

# The folder of the user's profile is made by the first key.
lab = '[broker]\nkind = "embedded"\nport = 0\n[[junction]]\nname = "demo"\nlights = ["a", "b"]\nkey = "auto"\n'
named = FOLDER / "Prüfung im Labor" / "mein Lämpchen.toml"
named.parent.mkdir()
named.write_text(lab, encoding="utf-8")
file = windows_path(named)
key, err = twinlight("key", "--config", file)
check(len(key.strip()) == 24 and "was made just now" in err, f"no key was made: {err}")
again, err = twinlight("key", "--config", file)
check(again == key and "was made just now" not in err, f"the key was not kept: {err}")
kept = list(PREFIX.glob("drive_c/users/*/AppData/Local/twinlight/**/junction-keys.toml"))
check(len(kept) == 1 and key.strip() in kept[0].read_text(), f"the key is not in the user's profile: {kept}")
check(not list(Path(os.environ["TWINLIGHT"]).parent.glob("*.toml")), "the program's own folder was written to")
well(f"the state is kept in {kept[0].parent.relative_to(PREFIX)}")

record = named.with_name("Aufnahme für später.jsonl")
report = named.with_name("Bericht.json")
arguments = ["run", "--config", file, "--record", windows_path(record), "--report", windows_path(report)]
_, summary = pair(arguments, 25)
check(json.loads(report.read_text(encoding="utf-8"))["summary"]["greens"] == summary["greens"], "another report")
out, _ = twinlight("replay", windows_path(record))
check("conflicts: 0" in out.splitlines(), f"the recording is judged otherwise: {out}")
well(f"a pair under a path with blanks and umlauts: greens {summary['greens']}, reaction {summary['reaction_ms']}")

missing = windows_path(named.with_name("fehlt.toml"))
_, err = twinlight("run", "--config", missing, status=2)
check("fehlt.toml" in err, f"the missing file is not named: {err}")
wrong = named.with_name("falsch.toml")
wrong.write_text('[broker]\nkind = "embeded"\n', encoding="utf-8")
_, err = twinlight("run", "--config", windows_path(wrong), status=2)
check("embeded" in err and "falsch.toml" in err, f"the mistake is not shown: {err}")
well("a file that is not there and one with a mistake are refused")

out, _ = twinlight("doctor", "--json")
last = json.loads(out.splitlines()[-1])
check(last["kind"] == "examination" and last["well"] and not last["failed"], f"the doctor finds: {out}")
nobody = FOLDER / "nobody.toml"
elsewhere = f'[broker]\nkind = "external"\nhost = "127.0.0.1"\nport = {free_port()}\n'
nobody.write_text(f'{elsewhere}[[junction]]\nname = "demo"\nlights = ["a", "b"]\n', encoding="utf-8")
out, _ = twinlight("doctor", "--json", "--config", windows_path(nobody), status=1)
check("tcp" in json.loads(out.splitlines()[-1])["failed"], f"the doctor does not miss the broker: {out}")
well("the doctor finds the embedded broker well, and one that is not there")

out, _ = twinlight("scenario", "wifi-lost", "--seeds", "3")
check(out.count("held  ") == 3 and "all 3 held" in out, f"wifi-lost says {out}")
out, _ = twinlight("scenario", "wifi-lost", "--rule", "react", status=3)
check("2 of 3 did not hold" in out, f"the looser rule says {out}")
well("wifi-lost holds, and does not by the looser rule")

# Wine makes a COM port of each serial port of this system; there may be none.
out, _ = twinlight("ports", "--json")
ports = [json.loads(line) for line in out.splitlines()]
check(all(port["kind"] == "port" and port["port"].startswith("COM") for port in ports), f"ports says {out}")
well(f"{len(ports)} ports are listed")

port = free_port()
broker = subprocess.Popen(
    [*PROGRAM, "broker", "--port", str(port)],
    cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
)
try:
    wait_for(lines_of(broker.stdout), f"listens at 127.0.0.1:{port}", 60)
    here = ["-h", "127.0.0.1", "-p", str(port)]
    hearing = ["-V", "mqttv5", "-q", "1", "-t", "twinlight/#", "-F", "%r %t %p"]
    publish = ["mosquitto_pub", *here, "-q", "1", "-r", "-t", "twinlight/grüße", "-m"]
    subprocess.run([*publish, "first"], check=True, timeout=20)
    listener = subprocess.Popen(["mosquitto_sub", *here, *hearing], stdout=subprocess.PIPE, encoding="utf-8")
    heard = lines_of(listener.stdout)
    wait_for(heard, "1 twinlight/grüße first", 20)
    subprocess.run([*publish, "then"], check=True, timeout=20)
    wait_for(heard, "0 twinlight/grüße then", 20)
    listener.send_signal(signal.SIGTERM)
    listener.wait(10)
    well("a Linux client subscribes, publishes and finds what was retained at the embedded broker")

    # Who holds a port is found out without being told.
    _, err = twinlight("broker", "--port", str(port), status=1)
    check("is in use" in err, f"the taken port is not told: {err}")
    well("a port in use is refused")

    # Wine makes a Ctrl-C of it.
    broker.send_signal(signal.SIGINT)
    check(broker.wait(30) == 0, f"Ctrl-C ends the broker with {broker.returncode}")
    well("Ctrl-C ends it well")
finally:
    broker.kill()
    broker.wait()
print(f"windows: all well in {time.monotonic() - STARTED:.0f} s")
