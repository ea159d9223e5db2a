"""The work of `twinlight swarm`, done with paho-mqtt: pairs of clients, each with a connection of its own, each
publishing words of a light's size at a light's pace, QoS 1 and retained, and hearing the other's; and one more
client that hears them all, as Twinlight's observer does.

What it leaves out is what a light thinks: there are no promises, no lamps and no monitor.

    python benches/swarm_paho.py --port 1883 --pairs 100 --seconds 30 --rate 2.3 --bytes 140

Prints one JSON object with the names of `twinlight swarm --json`. benches/swarm.sh runs it beside the others.
"""

import argparse
import json
import resource
import sys
import threading
import time

import paho.mqtt.client as mqtt

SETTLE_S = 2.0
CONNECT_WITHIN_S = 60.0
# As twinlight has it: a thousand clients do not connect at once.
START_SPACING_S = 0.0005


def arguments():
    parser = argparse.ArgumentParser(description="The work of twinlight swarm, with paho-mqtt")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pairs", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=30.0, help="measured time")
    parser.add_argument("--rate", type=float, required=True, help="messages a second from each client")
    parser.add_argument("--bytes", type=int, required=True, help="payload of each message")
    return parser.parse_args()


def resident_kib():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Tally:
    """What was counted; the clients' threads share it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lost = 0
        self.begin()

    def begin(self):
        with self.lock:
            self.sent = self.received = self.sent_bytes = 0
            self.took = []


class Light:
    """One client of a pair."""

    def __init__(self, args, junction, name, other, tally, ready):
        self.tally = tally
        self.ready = ready
        self.seq = 0
        self.length = args.bytes
        self.topic = f"twinlight/{junction}/{name}/state"
        self.filters = [
            (f"twinlight/{junction}/{other}/state", 1),
            (f"twinlight/{junction}/{name}/cmd", 1),
        ]
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=f"paho-{junction}-{name}",
            protocol=mqtt.MQTTv311,
        )
        self.client.will_set(f"twinlight/{junction}/{name}/status", '{"v":1,"online":false}', 1, True)
        self.client.on_connect = self.connected
        self.client.on_subscribe = lambda *_: ready(self)
        self.client.on_disconnect = self.disconnected
        self.client.on_message = self.heard
        self.closing = False
        self.client.connect_async(args.host, args.port, keepalive=5)
        self.client.loop_start()

    def connected(self, client, _data, _flags, reason, _properties):
        if reason.is_failure:
            print(f"refused: {reason}", file=sys.stderr)
        else:
            client.subscribe(self.filters)

    def disconnected(self, _client, _data, _flags, _reason, _properties):
        if not self.closing:
            with self.tally.lock:
                self.tally.lost += 1

    def heard(self, _client, _data, message):
        now = time.monotonic_ns()
        try:
            said = json.loads(message.payload)
            took_ms = (now - said["at"]) / 1e6
        except (ValueError, KeyError):
            return
        with self.tally.lock:
            self.tally.received += 1
            if not message.retain:
                self.tally.took.append(took_ms)

    def say(self):
        self.seq += 1
        word = {"v": 1, "aspect": "red", "boot": 305419896, "seq": self.seq, "at": time.monotonic_ns()}
        text = json.dumps(word, separators=(",", ":"))
        # A light's word is read as JSON and then checked; spaces at the end are JSON too.
        payload = text.ljust(self.length)
        if self.client.publish(self.topic, payload, qos=1, retain=True).rc == mqtt.MQTT_ERR_SUCCESS:
            with self.tally.lock:
                self.tally.sent += 1
                self.tally.sent_bytes += len(payload)

    def forget(self):
        self.client.publish(self.topic, b"", qos=1, retain=True)

    def end(self):
        self.closing = True
        self.client.disconnect()


def observer(args, ready):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="paho-observer", protocol=mqtt.MQTTv311)
    client.on_connect = lambda client, *_: client.subscribe("twinlight/+/+/+", 1)
    client.on_subscribe = lambda *_: ready(None)
    # It reads what it hears, as an observer does.
    client.on_message = lambda _client, _data, message: message.payload and json.loads(message.payload)
    client.connect_async(args.host, args.port, keepalive=5)
    client.loop_start()
    return client


def percentile(took, share):
    return took[max(0, -(-len(took) * share // 1000) - 1)]


def speak(lights, rate, until):
    """Lets each light speak `rate` times a second, evenly spread over the lights."""
    pause = 1.0 / (rate * len(lights))
    due = time.monotonic()
    turn = 0
    while due < until:
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        lights[turn % len(lights)].say()
        turn += 1
        due += pause


def main():
    args = arguments()
    tally = Tally()
    seen = set()
    changed = threading.Condition()

    def ready(light):
        with changed:
            seen.add(light)
            changed.notify()

    before_kib = resident_kib()
    started = time.monotonic()
    watching = observer(args, ready)
    lights = []
    for number in range(1, args.pairs + 1):
        for name, other in (("a", "b"), ("b", "a")):
            lights.append(Light(args, f"p-{number}", name, other, tally, ready))
            time.sleep(START_SPACING_S)
    with changed:
        if not changed.wait_for(lambda: len(seen) == len(lights) + 1, CONNECT_WITHIN_S):
            sys.exit(f"only {len(seen)} of {len(lights) + 1} clients got a session within {CONNECT_WITHIN_S:.0f} s")
    connected_after = time.monotonic() - started

    speak(lights, args.rate, time.monotonic() + SETTLE_S)
    tally.begin()
    began, cpu_before = time.monotonic(), cpu_seconds()
    speak(lights, args.rate, began + args.seconds)
    measured, cpu = time.monotonic() - began, cpu_seconds() - cpu_before
    with tally.lock:
        sent, received, sent_bytes, took = tally.sent, tally.received, tally.sent_bytes, sorted(tally.took)
        lost = tally.lost
    after_kib = resident_kib()
    for light in lights:
        light.forget()
    time.sleep(1)
    for light in lights:
        light.end()
    watching.disconnect()

    if not took:
        sys.exit("no word came from one client to another")
    shares = {"p50": 500, "p90": 900, "p99": 990, "p999": 999, "max": 1000}
    figures = {
        "kind": "summary",
        "lights": len(lights),
        "connected": len(seen) - 1,
        "connected_after_s": connected_after,
        "measured_s": measured,
        "sent_per_s": sent / measured,
        "received_per_s": received / measured,
        "mean_bytes": sent_bytes / max(1, sent),
        "delivery_ms": {"count": len(took)} | {name: percentile(took, share) for name, share in shares.items()},
        "cpu_percent": 100 * cpu / measured,
        "resident_kib": after_kib,
        "kib_per_light": (after_kib - before_kib) / len(lights),
        "complaints": [f"{lost} sessions were lost"] if lost else [],
    }
    print(json.dumps(figures))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
