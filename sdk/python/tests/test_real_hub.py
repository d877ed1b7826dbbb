"""Workers and clients with a real hub."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gibbs_worker import (
    Client,
    GibbsError,
    GibbsTimeoutError,
    Hub,
    UserCodeException,
    Worker,
    current_job,
)

EXAMPLE = """
import time

class MyAwesomeModel:
    def __init__(self, wait_time=0.25):
        super().__init__()
        self.w = wait_time

    def __call__(self, x):
        time.sleep(self.w)
        return x**2

from gibbs_worker import Worker

workers = []
for _ in range(4):
    workers.append(Worker(MyAwesomeModel))
    workers[-1].start()

from gibbs_worker import Hub

hub = Hub()

# In an async function
async def main():
    print(await hub.request(34))

import asyncio
asyncio.run(main())
for worker in workers:
    worker.terminate()
for worker in workers:
    worker.join()
    print(worker.exitcode)
"""


async def test_the_usage_example_of_the_original(hub, tmp_path):
    script = tmp_path / "example.py"
    script.write_text(EXAMPLE)
    ended = await run(sys.executable, str(script), GIBBS_HUB=hub.address)
    assert ended == (0, "1156\n0\n0\n0\n0\n", "")


class Together:
    """Answers each of its first `waves` requests only once every worker has received that many."""

    def __init__(self, barrier: Any, waves: int) -> None:
        self.barrier = barrier
        self.waves = waves
        self.calls = 0

    def __call__(self, x: int) -> list[int]:
        self.calls += 1
        if self.calls <= self.waves:
            self.barrier.wait(60)
        return [x**2, self.calls]


async def test_four_workers_compute_ten_requests_in_three_waves(hub, client):
    # After other tests, workers may be spawned rather than forked.
    barrier = multiprocessing.get_context("spawn").Barrier(4)
    workers = [Worker(Together, barrier, waves=2, gibbs_hub=hub.address) for _ in range(4)]
    for worker in workers:
        worker.start()
        hub.line("worker connected")
    answers = await asyncio.gather(*(client.request(x) for x in range(10)))
    assert [answer for answer, _ in answers] == [x**2 for x in range(10)]
    # Four at once, four more at once, and the last two.
    waves = Counter(min(wave, 3) for _, wave in answers)
    assert waves == {1: 4, 2: 4, 3: 2}
    for worker in workers:
        worker.terminate()
    for worker in workers:
        await asyncio.get_running_loop().run_in_executor(None, worker.join)
        assert worker.exitcode == 0


def block(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


def spin(seconds: float) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
    return "done"


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize("handler", [block, spin])
async def test_a_worker_that_computes_keeps_beating(start_hub, serve, handler, isolation):
    hub = start_hub(livenessTimeoutMs=1000, heartbeatIntervalMs=250)
    serve(handler, gibbs_hub=hub.address, gibbs_isolation=isolation)
    async with Client(hub.address) as client:
        answer = await client.request_with_info(3)
    assert (answer.output, answer.attempts) == ("done", 1)


class CutInHalf:
    def __init__(self) -> None:
        raise RuntimeError("cut \ud83d in half")

    def __call__(self, x: Any) -> Any:
        return x


async def test_why_a_process_does_not_start_is_said_whatever_the_text(hub):
    worker = Worker(CutInHalf, gibbs_isolation="process", gibbs_hub=hub.address)
    with pytest.raises(GibbsError, match=r"cut \? in half") as caught:
        await worker.serve()
    assert caught.value.reason == "START_FAILED"


async def test_the_kill_of_a_worker_ends_its_job_at_once(hub, client, tmp_path):
    entered = tmp_path / "entered"
    worker = Worker(TouchAndWait, str(entered), gibbs_hub=hub.address)
    worker.start()
    request = asyncio.ensure_future(client.request("x"))
    await until(entered.exists)
    worker.kill()
    # Neither as late as the liveness timeout of 10 s nor at the request's deadline.
    with pytest.raises(GibbsError) as caught:
        await asyncio.wait_for(request, 5)
    assert (caught.value.code, caught.value.reason) == ("ABORTED", "WORKER_LOST")
    worker.join()


class TouchAndWait:
    """Touches a file when it is called, and waits until a second file exists."""

    def __init__(self, path: str) -> None:
        self.entered = Path(path)
        self.leave = Path(path + "-leave")

    def __call__(self, data: Any) -> Any:
        self.entered.touch()
        while not self.leave.exists():
            if current_job().wait_cancelled(0.01):
                Path(f"{self.entered}-cancelled").touch()
                return None
        return data


async def test_an_idempotent_request_survives_the_kill_of_its_worker(hub, client, tmp_path):
    first = Worker(TouchAndWait, str(tmp_path / "first"), gibbs_hub=hub.address)
    first.start()
    request = asyncio.ensure_future(client.request_with_info("x", gibbs_idempotent=True))
    await until((tmp_path / "first").exists)
    (tmp_path / "second-leave").touch()
    second = Worker(TouchAndWait, str(tmp_path / "second"), gibbs_hub=hub.address)
    second.start()
    first.kill()
    answer = await request
    assert (answer.output, answer.attempts) == ("x", 2)
    second.terminate()
    first.join()
    second.join()
    assert second.exitcode == 0


async def test_a_cancelled_request_reaches_its_handler(hub, client, tmp_path):
    worker = Worker(TouchAndWait, str(tmp_path / "job"), gibbs_hub=hub.address)
    worker.start()
    request = asyncio.ensure_future(client.request("x"))
    await until((tmp_path / "job").exists)
    request.cancel()
    await until((tmp_path / "job-cancelled").exists)
    worker.terminate()
    worker.join()


async def test_sigterm_finishes_the_job(hub, client, tmp_path):
    worker = Worker(TouchAndWait, str(tmp_path / "job"), gibbs_hub=hub.address)
    worker.start()
    request = asyncio.ensure_future(client.request("x"))
    await until((tmp_path / "job").exists)
    worker.terminate()
    (tmp_path / "job-leave").touch()
    assert await request == "x"
    worker.join()
    assert worker.exitcode == 0


async def test_a_worker_and_a_client_find_a_hub_that_was_killed_and_restarted(start_hub, serve):
    hub = start_hub()
    serve(lambda x: x + 1, gibbs_hub=hub.address)
    async with Client(hub.address) as client:
        assert await client.request(1) == 2
        hub.kill()
        start_hub(listen=hub.address)
        assert await client.request(2) == 3


async def test_a_worker_ends_with_the_program_that_started_it(hub, tmp_path):
    script = tmp_path / "dies.py"
    script.write_text(
        "import os\n"
        "from gibbs_worker import Worker\n"
        "worker = Worker(len)\n"
        "worker.start()\n"
        "print(worker.pid, flush=True)\n"
        "input()\n"
        "os._exit(1)\n"
    )
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdin=-1, stdout=-1, env=environment(GIBBS_HUB=hub.address)
    )
    await hub.heard("worker connected")
    await program.communicate(b"\n")
    # "left", or "lost" if it had not read its welcome yet.
    await hub.heard("worker l")


async def test_arguments_as_the_original_takes_them(hub, client, serve):
    def area(width: float, height: float = 1.0, *, unit: str = "m") -> str:
        return f"{width * height} {unit}2"

    serve(area, gibbs_hub=hub.address)
    assert await client.request(4) == "4.0 m2"
    assert await client.request(4, 3, unit="km") == "12 km2"
    assert await client.request(width=2, height=2.5) == "5.0 m2"
    with pytest.raises(UserCodeException, match="missing 1 required positional argument"):
        await client.request()


async def test_methods_of_one_class_share_what_it_has_built(hub, client, serve):
    class Counter:
        def __init__(self, start: int) -> None:
            self.count = start

        def add(self, more: int) -> int:
            self.count += more
            return self.count

        async def get(self, _: None) -> int:
            return self.count

    serve(Counter, 40, gibbs_hub=hub.address, gibbs_methods=["add", "get"])
    assert await client.request(2, gibbs_method="add") == 42
    assert await client.request(None, gibbs_method="get") == 42


async def test_async_handlers_share_the_loop(hub, client, serve):
    everyone = asyncio.Event()
    here: list[int] = []

    async def together(x: int) -> int:
        here.append(x)
        if len(here) == 50:
            everyone.set()
        await everyone.wait()
        return x

    serve(together, gibbs_hub=hub.address, gibbs_slots=50)
    assert await asyncio.gather(*(client.request(x) for x in range(50))) == list(range(50))


async def test_what_a_client_is_told(hub, client, serve):
    def handler(how: str) -> Any:
        if how == "declared":
            raise GibbsError("RESOURCE_EXHAUSTED", "no gpu", retry_after=3)
        if how == "set":
            return {"a": [1, {2}]}
        raise ValueError("bad page")

    serve(handler, gibbs_hub=hub.address, gibbs_worker_id="w", gibbs_send_tracebacks=True)
    with pytest.raises(UserCodeException) as user:
        await client.request("other", gibbs_request_id="r1")
    error = user.value
    assert (error.code, error.reason, error.execution) == ("UNKNOWN", "HANDLER_ERROR", "FINISHED")
    assert (error.message, error.remote_type, error.request_id) == ("bad page", "ValueError", "r1")
    assert error.worker_id == "w"
    assert 'raise ValueError("bad page")' in (error.remote_traceback or "")
    with pytest.raises(GibbsError) as declared:
        await client.request("declared")
    assert (declared.value.code, declared.value.reason) == ("RESOURCE_EXHAUSTED", "DECLARED")
    assert declared.value.retry_after == 3
    with pytest.raises(UserCodeException, match=r"type set at a\[1\] cannot be sent"):
        await client.request("set")


async def test_timeouts_are_the_hubs_own(hub, client, serve):
    async def wait(_: Any) -> None:
        await asyncio.Event().wait()

    serve(wait, gibbs_hub=hub.address)
    with pytest.raises(GibbsTimeoutError) as running:
        await client.request(1, gibbs_timeout=1)
    assert (running.value.reason, running.value.execution) == ("DEADLINE_RUNNING", "UNKNOWN")
    with pytest.raises(asyncio.TimeoutError):
        await client.request(1, gibbs_run_timeout=0.1)
    with pytest.raises(GibbsError) as queued:
        await client.request(1, gibbs_method="nobody", gibbs_queue_timeout=0.1)
    assert (queued.value.reason, queued.value.execution) == ("QUEUE_TIMEOUT", "NOT_STARTED")


async def test_metadata_that_the_operator_allows_is_passed_on(start_hub, serve):
    hub = start_hub(forwardMetadata=["x-tenant"])
    serve(lambda _: dict(current_job().metadata), gibbs_hub=hub.address)
    async with Client(hub.address) as client:
        metadata = {"X-Tenant": "blue", "x-secret": "no"}
        assert await client.request(0, gibbs_metadata=metadata) == {"x-tenant": "blue"}


async def test_a_large_input_and_one_too_large(hub, client, serve):
    serve(len, gibbs_hub=hub.address)
    large = bytes(4 * 1024 * 1024 - 16)
    assert await client.request(large) == len(large)
    with pytest.raises(GibbsError) as caught:
        await client.request(bytes(5_000_000))
    assert (caught.value.reason, caught.value.execution) == ("PAYLOAD_TOO_LARGE", "NOT_STARTED")


async def test_no_hub():
    async with Client("127.0.0.1:1", connect_timeout=0.2) as client:
        with pytest.raises(GibbsError, match="is one running there") as caught:
            await client.request(1)
    assert (caught.value.reason, caught.value.execution) == ("NOT_CONNECTED", "NOT_STARTED")


async def test_a_closed_client_ends_what_is_under_way(hub, serve, tmp_path):
    serve(TouchAndWait, str(tmp_path / "job"), gibbs_hub=hub.address)
    client = Client(hub.address)
    request = asyncio.ensure_future(client.request(1))
    await until((tmp_path / "job").exists)
    await client.close()
    with pytest.raises(GibbsError) as caught:
        await request
    assert (caught.value.code, caught.value.reason) == ("CANCELLED", "CLIENT_CLOSED")


async def test_the_hub_of_the_original_retries_after_a_timeout(hub, serve):
    attempts: list[int] = []

    async def third_time(x: int) -> int:
        attempts.append(x)
        if len(attempts) < 3:
            await asyncio.Event().wait()
        return x

    serve(third_time, gibbs_hub=hub.address, gibbs_slots=3)
    async with Hub(port=int(hub.address.split(":")[1])) as client:
        assert await client.request(7, gibbs_timeout=0.3, gibbs_retries=-1) == 7


async def test_the_hub_of_the_original_retries_after_the_loss_of_a_worker(hub, tmp_path):
    """As in the original's own tests: two workers, one is killed, both requests are answered."""
    workers = [Worker(TouchAndWait, str(tmp_path / str(n)), gibbs_hub=hub.address) for n in "ab"]
    for worker in workers:
        worker.start()
    async with Hub(port=int(hub.address.split(":")[1])) as client:
        options = {"gibbs_timeout": 30, "gibbs_retries": 1}
        requests = [asyncio.ensure_future(client.request(x, **options)) for x in range(2)]
        await until(lambda: all((tmp_path / n).exists() for n in "ab"))
        (tmp_path / "b-leave").touch()
        workers[0].kill()
        assert await asyncio.gather(*requests) == [0, 1]
        with pytest.raises(ValueError, match="gibbs_retries"):
            await client.request(1, gibbs_retries=-2)
    workers[1].terminate()
    for worker in workers:
        worker.join()


async def test_one_client_on_several_event_loops(hub):
    worker = Worker(len, gibbs_hub=hub.address)
    client = Client(hub.address)
    worker.start()
    for x in ("a", "bc"):
        own_loop = asyncio.to_thread(asyncio.run, client.request(x))
        assert await own_loop == len(x)
    worker.terminate()
    worker.join()


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}


async def run(*command: str, cwd: str | None = None, **env: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def until(condition: Any) -> None:
    """Polls for a condition that cannot be awaited."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


MODEL = """
import os
class Model:
    def __init__(self, factor=1):
        self.factor = factor
    def __call__(self, x):
        if x == "die":
            os._exit(3)
        return x * self.factor
no_handler = 5
"""


class Command:
    """`python -m gibbs_worker`, in its own folder."""

    def __init__(self, folder: Path, address: str) -> None:
        (folder / "model.py").write_text(MODEL)
        self.folder = folder
        self.env = environment(GIBBS_HUB=address)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "gibbs_worker", *arguments),
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    async def fail(self, *arguments: str) -> tuple[int | None, str]:
        process = await self.start(*arguments)
        _, err = await process.communicate()
        return process.returncode, err.decode()


@pytest.fixture
def command(hub, tmp_path):
    return Command(tmp_path, hub.address)


async def test_the_command_replaces_processes_and_drains(command, client):
    process = await command.start("model:Model", "--count", "2", "--args", "[3]")
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line.decode().startswith("gibbs-worker ready: 2 at once for 127.0.0.1:")
    assert await client.request(4) == 12
    for _ in range(2):
        with pytest.raises(GibbsError, match="exited with code 3"):
            await client.request("die")
    assert await client.request(5) == 15
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0


async def test_the_command_computes_in_one_process_if_told_so(command, client):
    process = await command.start("model:Model", "--isolation", "thread", "--slots", "2")
    assert await client.request(4) == 4
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 0


async def test_the_command_says_what_is_wrong(command):
    code, err = await command.fail("nothing:Here")
    assert code == 1
    assert "No module named 'nothing'" in err
    code, err = await command.fail("model:no_handler", "--isolation", "thread")
    assert code == 1
    assert "5 is not a handler" in err
    for arguments in (["model"], ["model:Model", "--count", "0"], ["model:Model", "--args", "3"]):
        code, err = await command.fail(*arguments)
        assert code == 2, err
    command.env["GIBBS_HUB"] = "nowhere"
    code, err = await command.fail("model:Model")
    assert code == 2
    assert err.startswith('gibbs-worker: "nowhere" is not an address: write host:port, such as ')
    command.env["GIBBS_LOG_LEVEL"] = "loud"
    code, err = await command.fail("model:Model")
    assert code == 2
    assert "'loud' (the flag's or GIBBS_LOG_LEVEL's) is not one of debug, info, warn" in err


async def test_empty_variables_are_not_set(command):
    command.env.update(GIBBS_HUB="", GIBBS_LOG_LEVEL="")
    code, err = await command.fail("nothing:Here", "--hub", "")
    assert code == 2, err
    code, err = await command.fail("nothing:Here")
    assert code == 1
    assert "No module named 'nothing'" in err


async def test_the_command_waits_for_a_hub(command, start_hub, hub):
    hub.kill()
    process = await command.start("model:Model")
    assert process.stderr is not None
    assert process.stdout is not None
    lines = []
    while not lines or "no hub at" not in lines[-1]:
        lines.append((await process.stderr.readline()).decode())
    start_hub(listen=hub.address)
    assert (await process.stdout.readline()).startswith(b"gibbs-worker ready")
    process.terminate()
    await process.communicate()
    assert process.returncode == 0
