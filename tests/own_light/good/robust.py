# A light with umqtt.robust, which connects again by itself. Its session is kept, so its subscription is too.
import select
import socket
import time

import network
import umqtt.robust
import umqtt.simple
from machine import Pin

WIFI = "lab"
WIFI_PASSWORD = "secret"
HOST = "192.168.1.10"
PORT = 1883
USER = None
PASSWORD = None
CLIENT_ID = b"robust-light"
SAYS = b"lane/1"
HEARS = b"lane/2"

RED, YELLOW, GREEN = b"Red", b"Yellow", b"Green"
LAMPS = {RED: Pin(32, Pin.OUT), YELLOW: Pin(33, Pin.OUT), GREEN: Pin(26, Pin.OUT)}


class Sockets:
    getaddrinfo = socket.getaddrinfo

    def socket():
        sock = socket.socket()
        sock.settimeout(5)
        return sock


umqtt.simple.socket = Sockets


class Client(umqtt.robust.MQTTClient):
    """What umqtt.robust leaves open: its socket, who is told, and errors that are no OSError."""

    DELAY = 7
    joined = 0

    def reconnect(self):
        while True:
            if self.sock:
                self.sock.close()
            time.sleep(self.DELAY)
            try:
                if not super(umqtt.robust.MQTTClient, self).connect(False):
                    self.subscribe(HEARS)  # the broker has forgotten the session
                self.joined += 1
                return
            except Exception as error:
                print("not yet:", repr(error))


def age(then):
    return time.ticks_diff(time.ticks_ms(), then)


def show(new):
    global aspect, since
    aspect, since = new, time.ticks_ms()
    for name, lamp in LAMPS.items():
        lamp.value(name == aspect)


def on_message(topic, message):
    global word, word_at
    word, word_at = message, time.ticks_ms()


wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect(WIFI, WIFI_PASSWORD)
while not wlan.isconnected():
    time.sleep(0.2)
word, word_at = None, time.ticks_ms()
show(RED)
client = Client(CLIENT_ID, HOST, PORT, USER, PASSWORD, keepalive=30)
client.set_callback(on_message)
client.reconnect()
joined = said = None
while True:
    if joined != client.joined:  # the broker let it in: anew
        joined, said = client.joined, None
        heard_at = pinged_at = time.ticks_ms()
        show(RED)
        poller = select.poll()
        poller.register(client.sock, select.POLLIN)
    if said != aspect:
        said = aspect
        client.publish(SAYS, aspect)
        continue  # it may have connected meanwhile
    if poller.poll(100):
        try:
            client.sock.setblocking(False)
            umqtt.simple.MQTTClient.wait_msg(client)
            client.sock.settimeout(5)
            heard_at = time.ticks_ms()
        except Exception as error:
            print("lost:", repr(error))
            client.reconnect()
            continue
    try:
        if not wlan.isconnected():
            wlan.connect(WIFI, WIFI_PASSWORD)
            raise OSError("no Wi-Fi")
        if age(heard_at) > 12000:
            raise OSError("the broker is silent")
        if age(pinged_at) > 5000:
            client.ping()
            pinged_at = time.ticks_ms()
    except Exception as error:
        print("lost:", repr(error))
        client.reconnect()
        continue
    partner_goes = word in (GREEN, YELLOW) and age(word_at) < 20000
    if aspect == GREEN and (partner_goes or age(since) > 6000):
        show(YELLOW)
    elif aspect == YELLOW and age(since) > 1500:
        show(RED)
    elif aspect == RED and not partner_goes and age(since) > 7000 and age(word_at) > 2000:
        show(GREEN)
