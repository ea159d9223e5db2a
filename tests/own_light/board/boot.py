# What a board does around its program: it stands at the prompt when the program has ended. Its sockets stay open.
import sys
import time

try:
    import main  # noqa: F401
except BaseException as error:
    sys.print_exception(error)
print("@board prompt")
while True:
    time.sleep(1)
