"""The flags and variables of `python -m gibbs_worker`."""

from __future__ import annotations

import pytest

from gibbs_worker import cli


def parse(*argv: str):
    return cli._parser().parse_args(["module:name", *argv])


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("5s", 5.0), ("1.5m", 90.0), ("1h", 3600.0), ("7", 7.0)]
)
def test_takes_the_times_that_gibbs_takes(text: str, seconds: float) -> None:
    assert parse("--kill-grace", text).kill_grace == seconds


@pytest.mark.parametrize("text", ["", "-1s", "5 s", "5d", "soon"])
def test_refuses_what_is_no_time(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(f"--kill-grace={text}")
    assert ended.value.code == 2
    assert "write a time, such as 500ms or 5s" in capsys.readouterr().err


def test_has_the_flag_of_gibbs_for_stacks() -> None:
    assert parse("--stacks").tracebacks is True
    assert parse("--tracebacks").tracebacks is True
    assert parse().tracebacks is False


def test_reads_the_log_level_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIBBS_LOG_LEVEL", "debug")
    assert parse().log_level == "debug"
    assert parse("--log-level", "error").log_level == "error"
    monkeypatch.setenv("GIBBS_LOG_LEVEL", "")
    assert parse().log_level == "warn"
    monkeypatch.setenv("GIBBS_LOG_LEVEL", "loud")
    with pytest.raises(SystemExit) as ended:
        parse()
    assert ended.value.code == 2
    assert "is not one of debug, info, warn, error, silent" in capsys.readouterr().err
