"""The snippets of the README that make requests, run as they are."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from gibbs_worker import Worker

README = Path(__file__).resolve().parent.parent / "README.md"


def handle(x=None, *args, **kwargs):
    return x


async def test_the_snippets_that_make_requests(hub, monkeypatch, capsys):
    monkeypatch.setenv("GIBBS_HUB", hub.address)
    worker = Worker({"": handle, "embed": handle})
    worker.start()
    text = README.read_text().partition("## Requests")[2].partition("## Data")[0]
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(snippets) == 3
    names: dict[str, object] = {}
    for snippet in snippets:
        here = snippet.replace("127.0.0.1:5019", hub.address)
        code = compile(here, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, names)
        else:
            exec(code, names)
    assert capsys.readouterr().out.splitlines()[:1000] == [str(x) for x in range(1000)]
    worker.terminate()
    worker.join()
