# A board's module `machine`, as far as lights need it. Whoever runs the board reads the lines that begin with "@board".
import time


def reset():
    print("@board reset")
    while True:
        time.sleep(1)


class WDT:
    def __init__(self, id=0, timeout=5000):
        print("@board watchdog", timeout)

    def feed(self):
        print("@board feed")


class Pin:
    IN, OUT = 0, 1

    def __init__(self, id, mode=OUT, value=0):
        self._value = value

    def value(self, new=None):
        if new is None:
            return self._value
        self._value = int(new)

    __call__ = value
