"""Performs cases with `Client`."""

from __future__ import annotations

import asyncio
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

from gibbs_worker import Client

AT_ONCE = 8


async def perform_all(cases: list[dict[str, Any]], transport: Any, stages: Stages) -> None:
    left = iter(cases)

    async def work() -> None:
        for case in left:
            await _perform(case, transport, stages)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _perform(case: dict[str, Any], transport: Any, stages: Stages) -> None:
    name = case["name"]
    opened = await asyncio.wrap_future(stages.ask(name, open=True))
    client = Client(opened["address"], transport=transport, **client_options(case))
    outcomes: dict[str, asyncio.Task[dict[str, Any]]] = {}
    for index, step in enumerate(case["steps"]):
        if "send" in step or "map" in step:
            run = _send(client, step) if "send" in step else _map(client, step)
            outcomes[step.get("send") or step["map"]] = asyncio.ensure_future(run)
            await asyncio.sleep(0)  # It begins.
        elif "cancel" in step:
            outcomes[step["cancel"]].cancel()
        elif "settle" in step:
            await asyncio.wait({outcomes[step["settle"]]})
        elif "close" in step:
            await client.close()
        else:
            await asyncio.wrap_future(stages.ask(name, step=index))
    told = {request: await outcome for request, outcome in outcomes.items()}
    await client.close()
    stages.tell(case=name, told=told)


async def _send(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    try:
        options = request_options(step)
        return report_answer(await client.request_with_info(to_value(step["input"]), **options))
    except (Exception, asyncio.CancelledError) as error:
        return report_error(error)


async def _map(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    answers: list[Any] = []
    failure: dict[str, Any] = {}
    try:
        inputs = to_values(step["inputs"])
        async for answer in client.map(inputs, **map_options(step)):
            answers.append(to_data(answer))
            if len(answers) == step.get("take"):
                break
    except Exception as error:
        failure = report_error(error)
    return {"answers": answers, "yielded": len(answers), **failure}
