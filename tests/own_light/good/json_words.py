# A light whose words stand in JSON and are kept by the broker, with a last will. It waits for the partner's red, but
# not for ever.
import json
import select
import socket
import time

import network
import umqtt.simple

WIFI = "lab"
WIFI_PASSWORD = "secret"
HOST = "192.168.1.10"
PORT = 1883
USER = None
PASSWORD = None
CLIENT_ID = b"json-light"
SAYS = b"street/north"
HEARS = b"street/south"


class TimedSockets:
    getaddrinfo = socket.getaddrinfo

    def socket():
        sock = socket.socket()
        sock.settimeout(4)
        return sock


umqtt.simple.socket = TimedSockets


def now():
    return time.ticks_ms()


def passed(then):
    return time.ticks_diff(now(), then)


def message(state):
    return json.dumps({"state": state, "light": "north"}).encode()


class Light:
    def __init__(self):
        self.state = "red"
        self.changed = now()

    def to(self, state):
        self.state = state
        self.changed = now()

    def step(self, partner):
        time_in_state = passed(self.changed)
        if self.state == "green" and (partner.goes() or time_in_state > 7000):
            self.to("yellow")
        elif self.state == "yellow" and time_in_state > 1200:
            self.to("red")
        elif self.state == "red" and time_in_state > 7500 and not partner.goes() and passed(partner.heard) > 1500:
            self.to("green")


class Partner:
    def __init__(self):
        self.state = "unknown"
        self.heard = now()

    def hear(self, topic, payload):
        try:
            self.state = json.loads(payload)["state"]
        except (ValueError, KeyError, TypeError):
            return  # not for us
        self.heard = now()

    def goes(self):
        return self.state in ("green", "yellow") and passed(self.heard) < 25000


def talk(light, partner):
    """Until the broker is lost, which is told by an exception."""
    client = umqtt.simple.MQTTClient(CLIENT_ID, HOST, PORT, USER, PASSWORD, keepalive=20)
    client.set_callback(partner.hear)
    client.set_last_will(SAYS, message("red"), retain=True)
    try:
        client.connect()
        client.subscribe(HEARS)
        waiting = select.poll()
        waiting.register(client.sock, select.POLLIN)
        said, answered, asked = None, now(), now()
        while wlan.isconnected():
            if said != light.state:
                client.publish(SAYS, message(light.state), retain=True)
                said = light.state
            if waiting.poll(50):
                client.check_msg()
                answered = now()
            if passed(asked) > 6000:
                client.ping()
                asked = now()
            if passed(answered) > 15000:
                raise OSError("no answer to a ping")
            light.step(partner)
    finally:
        if client.sock:
            client.sock.close()


wlan = network.WLAN(network.STA_IF)
light, partner = Light(), Partner()
while True:
    light.to("red")
    try:
        if not wlan.isconnected():
            wlan.active(True)
            wlan.connect(WIFI, WIFI_PASSWORD)
            time.sleep(2)
        if wlan.isconnected():
            talk(light, partner)
    except Exception as problem:
        print("again, after", repr(problem))
    light.to("red")
    time.sleep(7)
