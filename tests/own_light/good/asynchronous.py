# A light of three tasks: one keeps the connection and listens, one changes the lamps, one speaks.
import asyncio
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
CLIENT_ID = b"async-light"
SAYS = b"road/east"
HEARS = b"road/west"


class TimedSockets:
    getaddrinfo = socket.getaddrinfo

    def socket():
        sock = socket.socket()
        sock.settimeout(4)
        return sock


umqtt.simple.socket = TimedSockets


class State:
    shows = b"stop"
    since = time.ticks_ms()
    client = None
    said = None
    partner = b""
    heard = answered = time.ticks_ms()


def passed(then):
    return time.ticks_diff(time.ticks_ms(), then)


def show(what):
    State.shows, State.since = what, time.ticks_ms()


def hear(topic, payload):
    State.partner, State.heard = payload.lower(), time.ticks_ms()


def hang_up():
    client, State.client, State.said = State.client, None, None
    if client:
        client.sock.close()
    show(b"stop")


async def lamps():
    while True:
        partner_goes = State.partner in (b"go", b"wait") and passed(State.heard) < 20000
        if State.shows == b"go" and (partner_goes or passed(State.since) > 7000):
            show(b"wait")
        elif State.shows == b"wait" and passed(State.since) > 1200:
            show(b"stop")
        elif State.shows == b"stop" and State.client and not partner_goes:
            if passed(State.since) > 8000 and passed(State.heard) > 1500:
                show(b"go")
        await asyncio.sleep_ms(50)


async def speech():
    pinged = time.ticks_ms()
    while True:
        await asyncio.sleep_ms(50)
        try:
            if State.client and State.said != State.shows:
                State.client.publish(SAYS, State.shows)
                State.said = State.shows
            if State.client and passed(pinged) > 5000:
                State.client.ping()
                pinged = time.ticks_ms()
        except Exception as error:
            print("cannot speak:", repr(error))
            hang_up()


async def ears():
    wlan = network.WLAN(network.STA_IF)
    wait = 2
    while True:
        try:
            if not wlan.isconnected():
                wlan.active(True)
                wlan.connect(WIFI, WIFI_PASSWORD)
                await asyncio.sleep(2)
            client = umqtt.simple.MQTTClient(CLIENT_ID, HOST, PORT, USER, PASSWORD, keepalive=25)
            client.set_callback(hear)
            client.connect()
            client.subscribe(HEARS)
            State.client, State.answered, wait = client, time.ticks_ms(), 2
            ready = select.poll()
            ready.register(client.sock, select.POLLIN)
            while State.client is client:
                if ready.poll(0):
                    client.check_msg()
                    State.answered = time.ticks_ms()
                if passed(State.answered) > 14000 or not wlan.isconnected():
                    raise OSError("nobody there")
                await asyncio.sleep_ms(100)
        except Exception as error:
            print("lost:", repr(error))
        hang_up()
        await asyncio.sleep(wait)
        wait = min(2 * wait, 16)  # longer each time


async def main():
    await asyncio.gather(ears(), lamps(), speech())


asyncio.run(main())
