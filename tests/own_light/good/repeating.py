# A light that repeats its word, whether its lamps have changed or not.
import select
import socket
import time

import network
import umqtt.simple
from machine import Pin

WIFI = "lab"
WIFI_PASSWORD = "secret"
HOST = "192.168.1.10"
PORT = 1883
USER = None
PASSWORD = None
CLIENT_ID = b"repeater"
SAYS = b"crossing/1"
HEARS = b"crossing/2"

# Bytes, as the messages are: "RED" == b"RED" is never true.
RED, AMBER, GREEN = b"RED", b"AMBER", b"GREEN"
LAMPS = {RED: Pin(32, Pin.OUT), AMBER: Pin(33, Pin.OUT), GREEN: Pin(26, Pin.OUT)}

GREEN_MS, AMBER_MS, RED_MS = 9000, 1500, 13000
CLEAR_MS = 2000  # from the partner's last word to our green
OLD_MS = 20000  # a partner that said "green" this long ago, and nothing since, is gone
PING_MS = 5000  # how often the broker is asked whether it is there
DEAD_MS = 12000  # a broker that is silent for so long is not there
REPEAT_MS = 8000  # at most a dozen words a minute: Adafruit IO allows thirty to the whole account
RETRY_S = 7  # at most eight logins a minute


class Sockets:
    """umqtt.simple makes its sockets here: with a time limit, or it waits for ever."""

    getaddrinfo = socket.getaddrinfo

    def socket():
        sock = socket.socket()
        sock.settimeout(5)
        return sock


umqtt.simple.socket = Sockets

wlan = network.WLAN(network.STA_IF)
client = None  # the session with the broker
poller = None
heard_at = pinged_at = said_at = 0
aspect, since = RED, time.ticks_ms()
said = None  # what the partner was told last
word, word_at = None, time.ticks_ms()  # what the partner said last


def age(then):
    return time.ticks_diff(time.ticks_ms(), then)


def show(new):
    global aspect, since
    aspect, since = new, time.ticks_ms()
    for name, lamp in LAMPS.items():
        lamp.value(name == aspect)


def on_message(topic, message):
    global word, word_at
    word, word_at = message.strip().upper(), time.ticks_ms()


def join():
    wlan.active(True)
    wlan.connect(WIFI, WIFI_PASSWORD)
    asked = time.ticks_ms()
    while not wlan.isconnected():
        if age(asked) > 10000:
            raise OSError("no Wi-Fi")
        time.sleep(0.1)


def connect():
    global client, poller, said, heard_at, pinged_at
    client = umqtt.simple.MQTTClient(CLIENT_ID, HOST, PORT, USER, PASSWORD, keepalive=30)
    client.set_callback(on_message)
    client.connect()
    client.subscribe(HEARS)  # each time: the broker has forgotten it
    poller = select.poll()
    poller.register(client.sock, select.POLLIN)
    heard_at = pinged_at = time.ticks_ms()
    said = None  # tell it again


def say():
    global said, said_at
    client.publish(SAYS, aspect)
    said, said_at = aspect, time.ticks_ms()


def listen():
    global heard_at, pinged_at
    if poller.poll(100):
        client.check_msg()
        heard_at = time.ticks_ms()
    if age(heard_at) > DEAD_MS:
        raise OSError("the broker is silent")
    if age(pinged_at) > PING_MS:
        client.ping()
        pinged_at = time.ticks_ms()


def hang_up():
    global client
    try:
        client.sock.close()
    except Exception:
        pass  # it was closed, or never open
    client = None


def take_turns():
    partner_goes = word in (AMBER, GREEN) and age(word_at) < OLD_MS
    if aspect == GREEN and (partner_goes or age(since) > GREEN_MS):
        show(AMBER)
    elif aspect == AMBER and age(since) > AMBER_MS:
        show(RED)
    elif aspect == RED and not partner_goes and age(since) > RED_MS and age(word_at) > CLEAR_MS:
        show(GREEN)


show(RED)
while True:
    try:
        if not wlan.isconnected():
            hang_up()
            show(RED)
            join()
        elif client is None:
            show(RED)  # and stays red for a while: the first word may be an old one
            connect()
        elif said != aspect or age(said_at) > REPEAT_MS:
            say()
        else:
            listen()
            take_turns()
    except Exception as error:
        print("lost:", repr(error))
        hang_up()
        show(RED)
        time.sleep(RETRY_S)
