# A light with two lamps that looks for one message a second, and restarts its board when anything fails.
import time

import machine
import network
from umqtt.simple import MQTTClient

WIFI = "lab"
WIFI_PASSWORD = "secret"
HOST = "192.168.1.10"
PORT = 1883
USER = None
PASSWORD = None
CLIENT_ID = b"poller"
SAYS = b"cowboys/x/cars"
HEARS = b"cowboys/y/cars"


class Line:
    """The client's socket, which notes when something was heard on it."""

    def __init__(self, sock):
        self.sock = sock
        self.quiet = 0  # passes of the loop since then

    def read(self, count):
        data = self.sock.read(count)
        if data:
            self.quiet = 0
        return data

    def write(self, *data):
        return self.sock.write(*data)

    def setblocking(self, on):
        self.sock.setblocking(on)


def on_message(topic, message):
    global partner, partner_for
    partner, partner_for = message.lower(), 0


# A call that hangs is ended by the watchdog, which restarts the board.
watchdog = machine.WDT(timeout=15000)
red, green = machine.Pin(32, machine.Pin.OUT), machine.Pin(26, machine.Pin.OUT)
red.value(1)
partner, partner_for = b"", 0
try:
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect(WIFI, WIFI_PASSWORD)
    while not wlan.isconnected():
        time.sleep(1)
    client = MQTTClient(CLIENT_ID, HOST, PORT, USER, PASSWORD, keepalive=20)
    client.set_callback(on_message)
    client.connect()
    client.subscribe(HEARS)
    line = client.sock = Line(client.sock)
    aspect, since, said, seconds = b"red", 0, None, 0
    while wlan.isconnected() and line.quiet < 12:
        watchdog.feed()
        client.check_msg()
        partner_goes = partner in (b"green", b"yellow") and partner_for < 20
        if aspect == b"green" and (partner_goes or since >= 6):
            aspect, since = b"red", 0
        elif aspect == b"red" and not partner_goes and since >= 8 and partner_for >= 2:
            aspect, since = b"green", 0
        red.value(aspect == b"red")
        green.value(aspect == b"green")
        if said != aspect:
            client.publish(SAYS, aspect)
            said = aspect
        if seconds % 5 == 0:
            client.ping()
        time.sleep(1)
        since, partner_for, seconds, line.quiet = since + 1, partner_for + 1, seconds + 1, line.quiet + 1
except Exception as error:
    print("lost:", repr(error))
green.value(0)
watchdog.feed()
time.sleep(6)  # or a broker that is away gets a login each second
machine.reset()
