"""A thread with an event loop, on which blocking code has its requests sent."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Callable, Union

from .failures import client_closed
from .multiplex import MultiplexTransport
from .pending_call import PendingCall, Response
from .unary import UnaryTransport

Transport = Union[MultiplexTransport, UnaryTransport]

LOOK_UP = 1.0
"""How often a waiting thread looks, in seconds, whether the one that it waits for is alive. Some
systems deliver Ctrl-C only then."""


class Waiter:
    """The outcome of a call, for a thread to wait for. Set by the I/O thread."""

    __slots__ = ("_lock", "_on_done", "error", "response")

    def __init__(self, on_done: Callable[[Waiter], None] | None = None) -> None:
        """`on_done` is called in the I/O thread, and must not block or raise."""
        self.response: Response | None = None
        self.error: BaseException | None = None
        self._on_done = on_done
        self._lock = threading.Lock()
        self._lock.acquire()

    def done(self) -> bool:
        return self.response is not None or self.error is not None

    def set_result(self, result: Response, /) -> None:
        self.response = result
        self._finish()

    def set_exception(self, exception: BaseException, /) -> None:
        self.error = exception
        self._finish()

    def wait(self, thread: IoThread) -> Response:
        """Waits for the outcome. Raises the error, or KeyboardInterrupt."""
        while not self._lock.acquire(timeout=LOOK_UP):
            if not self.done():
                thread.check()
        if self.error is not None:
            raise self.error
        assert self.response is not None
        return self.response

    def _finish(self) -> None:
        self._lock.release()
        if self._on_done is not None:
            self._on_done(self)


class IoThread:
    """Runs a transport. `start` and `give_up` may be called from any thread."""

    def __init__(self, make_transport: Callable[[asyncio.AbstractEventLoop], Transport]) -> None:
        self._loop = asyncio.new_event_loop()
        self._inbox: deque[tuple[bool, PendingCall]] = deque()
        self._is_scheduled = False
        self.has_ended = False
        self._make_transport = make_transport
        self._transport: Transport | None = None
        # It must not keep a program alive that forgets to close its client.
        self._thread = threading.Thread(target=self._run, name="gibbs-client", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # Python is exiting, or the system has no threads left.
            self._loop.close()
            raise
        except BaseException:  # Ctrl-C: the thread runs, or is about to.
            self._loop.call_soon_threadsafe(self._loop.stop)
            raise

    def check(self) -> None:
        """Raises GibbsError CLIENT_CLOSED if no further outcome will come."""
        if not self._thread.is_alive():
            raise client_closed("UNKNOWN")

    def start(self, call: PendingCall) -> None:
        """Has the call sent; calls of several threads share a message."""
        self._put(True, call)

    def give_up(self, call: PendingCall) -> None:
        """Its caller has gone."""
        self._put(False, call)

    def stop(self) -> None:
        """Ends every call as CLIENT_CLOSED, and the thread. Waits until both have ended."""
        try:
            self._loop.call_soon_threadsafe(self._loop.stop)
        except RuntimeError:
            return  # It has already ended.
        if self._thread is not threading.current_thread():
            self._thread.join()

    def disown(self) -> None:
        """Closes this process's copies of the sockets, in a process that was forked."""
        self.has_ended = True
        if self._transport is not None:
            self._transport.disown()

    def _put(self, is_new: bool, call: PendingCall) -> None:
        self._inbox.append((is_new, call))
        if self.has_ended:
            self._refuse()
        elif not self._is_scheduled:
            self._is_scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._take)
            except RuntimeError:
                self._refuse()  # It has ended meanwhile.

    def _take(self) -> None:
        self._is_scheduled = False
        while self._inbox:
            is_new, call = self._inbox.popleft()
            try:
                if self._transport is None:
                    # Here, as gRPC wants to be on its loop.
                    self._transport = self._make_transport(self._loop)
                if is_new:
                    self._transport.start(call)
                else:
                    self._transport.give_up(call)
            except Exception as error:
                # Its caller waits in another thread.
                call.fail(error)

    def _refuse(self) -> None:
        while self._inbox:
            try:
                is_new, call = self._inbox.popleft()
            except IndexError:  # Another thread was faster.
                return
            if is_new:
                call.fail(client_closed("NOT_STARTED"))

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            if self._transport is not None:
                loop.run_until_complete(_close(self._transport))
        finally:
            self.has_ended = True
            self._refuse()
            loop.close()


async def _close(transport: Transport) -> None:
    transport.close()
    await transport.closed()
