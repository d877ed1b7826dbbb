"""A worker of the original gibbs, in this process, until stdin closes."""

import os
import signal
import sys
import threading
import time

from gibbs import Worker

from serve import options, say, tell


class Model:
    """The handlers from handlers.ts that the original is measured with."""

    def __init__(self, handler, block_ms):
        self.handler = handler
        self.block_s = block_ms / 1000

    def __call__(self, x):
        if self.handler == "echo":
            return x
        if x is None:
            return None
        if self.handler == "square":
            time.sleep(self.block_s)
            return x**2
        tell("started", x)
        while True:
            time.sleep(3600)


def end_with_stdin():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)


given = options()
threading.Thread(target=end_with_stdin, daemon=True).start()
say({"ready": {}})
Worker(Model, given["handler"], given["blockMs"], gibbs_host="127.0.0.1", gibbs_port=given["port"]).run()
