"""Runs the swarm on the embedded broker and on Mosquitto, and paho-mqtt's on both, one after the other, and prints
one table. Started by benches/swarm.sh, which makes the program and the environment.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

PAHO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "swarm_paho.py")
# Lights and paho's clients start over so long; what a broker takes is looked at in the middle of a run.
SAMPLE_EVERY_S = 0.25


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    sys.exit("a broker did not start; is Mosquitto installed? (.ci/setup test)")


class Watch:
    """Processor time and memory of another process, sampled while it runs."""

    def __init__(self, pid):
        self.pid, self.samples, self.going = pid, [], True
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()

    def sample(self):
        while self.going:
            with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
                resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
            self.samples.append((time.monotonic(), (int(fields[11]) + int(fields[12])) / 100, resident))
            time.sleep(SAMPLE_EVERY_S)

    def end(self):
        """Percent of a core in the middle half of the time, and the most memory, in KiB."""
        self.going = False
        self.thread.join()
        quarter = len(self.samples) // 4
        first, last = self.samples[quarter], self.samples[-quarter - 1]
        percent = 100 * (last[1] - first[1]) / max(1e-9, last[0] - first[0])
        return percent, max(sample[2] for sample in self.samples)


def figures_of(command, broker=None):
    """Runs one swarm; a broker in a process of its own is watched meanwhile."""
    watch = Watch(broker.pid) if broker else None
    try:
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    finally:
        watched = watch.end() if watch else None
    lines = ran.stdout.splitlines()
    if not lines:
        sys.exit(f"{command[0]} gave no figures; it ended with status {ran.returncode}")
    figures = json.loads(lines[-1])
    for complaint in figures["complaints"]:
        print(f"  not well: {complaint}")
    figures["well"] = ran.returncode == 0
    figures["broker_percent"], figures["broker_kib"] = watched if watched else (None, None)
    if not figures["delivery_ms"]:
        sys.exit("it was not measured; see above")
    return figures


def config(folder, name, broker):
    file = os.path.join(folder, f"{name}.toml")
    with open(file, "w", encoding="ascii") as out:
        out.write(f'{broker}[[junction]]\nname = "p"\nlights = ["a", "b"]\n')
    return file


def rows(twinlight, pairs, seconds, folder):
    def swarm(name, broker, process=None):
        file = config(folder, name, broker)
        command = [twinlight, "swarm", "--pairs", pairs, "--seconds", seconds, "--json", "--config", file]
        return figures_of(command, process)

    print(f"{pairs} pairs, {seconds} s each")
    print("1 of 4: twinlight on the embedded broker")
    embedded = swarm("embedded", '[broker]\nkind = "embedded"\nport = 0\n')
    yield "twinlight, embedded broker", embedded

    port = free_port()
    conf = os.path.join(folder, "mosquitto.conf")
    with open(conf, "w", encoding="ascii") as out:
        out.write(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\n")
        out.write("set_tcp_nodelay true\n")
    mosquitto = subprocess.Popen(["mosquitto", "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own = None
    try:
        wait_for(port, mosquitto)
        print("2 of 4: twinlight on Mosquitto")
        outside = f'[broker]\nkind = "external"\nhost = "127.0.0.1"\nport = {port}\n'
        yield "twinlight, Mosquitto", swarm("mosquitto", outside, mosquitto)

        rate = embedded["sent_per_s"] / embedded["lights"]
        paho = [sys.executable, PAHO, "--pairs", pairs, "--seconds", seconds]
        paho += ["--rate", f"{rate:.4f}", "--bytes", str(round(embedded["mean_bytes"]))]
        print("3 of 4: paho-mqtt on Mosquitto")
        yield "paho-mqtt, Mosquitto", figures_of([*paho, "--port", str(port)], mosquitto)

        port = free_port()
        own = subprocess.Popen([twinlight, "broker", "--port", str(port)], stdout=subprocess.DEVNULL)
        wait_for(port, own)
        print("4 of 4: paho-mqtt on the embedded broker")
        yield "paho-mqtt, embedded broker", figures_of([*paho, "--port", str(port)], own)
    finally:
        for process in filter(None, (mosquitto, own)):
            process.terminate()
            process.wait()


COLUMNS = [
    ("up s", lambda row: row["connected_after_s"], "{:.2f}"),
    ("sent/s", lambda row: row["sent_per_s"], "{:.0f}"),
    ("heard/s", lambda row: row["received_per_s"], "{:.0f}"),
    ("bytes", lambda row: row["mean_bytes"], "{:.0f}"),
    ("p50 ms", lambda row: row["delivery_ms"]["p50"], "{:.2f}"),
    ("p99 ms", lambda row: row["delivery_ms"]["p99"], "{:.2f}"),
    ("max ms", lambda row: row["delivery_ms"]["max"], "{:.1f}"),
    ("KiB/light", lambda row: row["kib_per_light"], "{:.1f}"),
    ("cpu %", lambda row: row["cpu_percent"], "{:.1f}"),
    ("broker %", lambda row: row["broker_percent"], "{:.1f}"),
    ("broker MiB", lambda row: row["broker_kib"] and row["broker_kib"] / 1024, "{:.1f}"),
]


def line(name, cells):
    return f"{name:<28}" + "".join(f"{cell:>11}" for cell in cells)


def main():
    twinlight, pairs, seconds = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        # Started by root, Mosquitto becomes another user, who has to read its file.
        os.chmod(folder, 0o755)
        table = list(rows(twinlight, pairs, seconds, folder))
    print()
    print(line("", [name for name, _, _ in COLUMNS]))
    for name, row in table:
        values = [(value(row), form) for _, value, form in COLUMNS]
        print(line(name, ["-" if number is None else form.format(number) for number, form in values]))
    print("\nas multiples of the first line:")
    first = table[0][1]
    for name, row in table[1:]:
        pairs_of = [(value(row), value(first)) for _, value, _ in COLUMNS]
        print(line(name, ["-" if None in two or not two[1] else f"{two[0] / two[1]:.2f}" for two in pairs_of]))
    print(
        "\ncpu %: of one core, the clients' process; on the first line the broker is in it. KiB/light: what the"
        "\nclients' process grew by, for each. Twinlight's lights also do a light's work; paho's clients only talk."
    )
    return 0 if all(row["well"] for _, row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
