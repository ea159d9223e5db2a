# A board's module `network`. The board is on the Wi-Fi while a file "joined" is there; a file "no-wifi" keeps it from
# joining. Whoever switches the Wi-Fi off makes the one and removes the other: the board does not join again by itself.
import os
import time

STA_IF, AP_IF = 0, 1


def _exists(name):
    try:
        os.stat(name)
        return True
    except OSError:
        return False


class WLAN:
    STA, AP = STA_IF, AP_IF
    WPA2 = 3

    def __init__(self, mode=STA_IF):
        self._asked_at = None

    def active(self, on=None):
        return True

    def connect(self, ssid, key=None, auth=None, timeout=None):
        self._asked_at = time.ticks_ms()

    def disconnect(self):
        self._asked_at = None
        if _exists("joined"):
            os.remove("joined")

    def isconnected(self):
        if _exists("no-wifi"):
            return False
        waited = self._asked_at is not None and time.ticks_diff(time.ticks_ms(), self._asked_at) > 800
        if waited and not _exists("joined"):
            self._asked_at = None
            open("joined", "w").close()
        return _exists("joined")

    def ifconfig(self):
        return ("192.168.1.20", "255.255.255.0", "192.168.1.1", "192.168.1.1")
