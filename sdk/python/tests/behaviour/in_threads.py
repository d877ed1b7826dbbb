"""Performs cases with `SyncClient`."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from data import (
    client_options,
    map_options,
    report_answer,
    report_error,
    request_options,
    to_data,
    to_value,
    to_values,
)
from stage import Stages

from gibbs_worker import SyncClient

AT_ONCE = 8
CALLERS = 128
"""Threads for all requests of the cases under way, each of which blocks one."""


def perform_all(cases: list[dict[str, Any]], stages: Stages) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool, ThreadPoolExecutor(CALLERS) as callers:
        for done in [pool.submit(_perform, case, stages, callers) for case in cases]:
            done.result()


def _perform(case: dict[str, Any], stages: Stages, callers: ThreadPoolExecutor) -> None:
    name = case["name"]
    opened = stages.ask(name, open=True).result()
    client = SyncClient(opened["address"], **client_options(case))
    outcomes: dict[str, Future[dict[str, Any]]] = {}
    for index, step in enumerate(case["steps"]):
        if "send" in step:
            outcomes[step["send"]] = callers.submit(_send, client, step)
        elif "map" in step:
            outcomes[step["map"]] = callers.submit(_map, client, step)
        elif "settle" in step:
            wait([outcomes[step["settle"]]])
        elif "close" in step:
            client.close()
        else:
            stages.ask(name, step=index).result()
    told = {request: outcome.result() for request, outcome in outcomes.items()}
    client.close()
    stages.tell(case=name, told=told)


def _send(client: SyncClient, step: dict[str, Any]) -> dict[str, Any]:
    try:
        options = request_options(step)
        return report_answer(client.request_with_info(to_value(step["input"]), **options))
    except Exception as error:
        return report_error(error)


def _map(client: SyncClient, step: dict[str, Any]) -> dict[str, Any]:
    answers: list[Any] = []
    failure: dict[str, Any] = {}
    try:
        inputs = to_values(step["inputs"])
        for answer in client.map(inputs, **map_options(step)):
            answers.append(to_data(answer))
            if len(answers) == step.get("take"):
                break
    except Exception as error:
        failure = report_error(error)
    return {"answers": answers, "yielded": len(answers), **failure}
