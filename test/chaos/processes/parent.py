"""What ties a Python process of the chaos run to the program that started it."""

import functools
import json
import os
import socket
import sys
import threading


@functools.cache
def _channel():
    """Node's channel: a socket on which each message is a line of JSON. Children do not have it."""
    return socket.socket(fileno=int(os.environ["NODE_CHANNEL_FD"]))


def settings():
    """Returns the settings given to this process."""
    return json.loads(sys.argv[1])


def say(message):
    """Sends a message to the parent."""
    _channel().sendall(json.dumps(message).encode() + b"\n")


def live_as_long_as_parent(on_message=lambda message: None):
    """Ends this process when its parent ends. Calls back with each of its messages, in a thread."""

    def listen():
        with _channel().makefile() as lines:
            for line in lines:
                on_message(json.loads(line))
        os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
