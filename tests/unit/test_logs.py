"""Log lines as an operator reads them, under journald and on a laptop."""

import json
import logging
import os
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import pytest

from magellan_core.process.logs import LineFormatter, log, log_document, setup


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[TextIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    with (tmp_path / "log").open("w") as file:
        yield file
    logging.captureWarnings(capture=False)
    root.handlers[:] = before
    root.setLevel(level)


def journald(stream: TextIO, level: str = "INFO", secrets: tuple[str, ...] = ()) -> LineFormatter:
    """Set up as under systemd, with the test's file as journald's end."""
    status = os.fstat(stream.fileno())
    environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    return setup(level, "bear_trap", environ=environ, stream=stream, secrets=secrets)


def written(stream: TextIO) -> str:
    return Path(stream.name).read_text()


@pytest.mark.parametrize(
    ("level", "prefix"),
    [
        (logging.DEBUG, "<7>"),
        (logging.INFO, "<6>"),
        (logging.WARNING, "<4>"),
        (logging.ERROR, "<3>"),
        (logging.CRITICAL, "<2>"),
    ],
)
def test_journald_gets_the_severity_and_no_time(stream: TextIO, level: int, prefix: str) -> None:
    journald(stream, "DEBUG")
    log(level, "order_filled", "bought 40 at 3.41", symbol="MULN", order="bt-1")
    assert written(stream) == f"{prefix}order_filled: bought 40 at 3.41 symbol=MULN order=bt-1\n"


@pytest.mark.parametrize("environ", [{}, {"JOURNAL_STREAM": "8:1"}, {"JOURNAL_STREAM": "odd"}])
def test_a_laptop_gets_the_time_the_level_and_the_strategy(
    stream: TextIO, environ: dict[str, str]
) -> None:
    setup("INFO", "bear_trap", environ=environ, stream=stream)
    log(logging.WARNING, "stale_bars", "no bar for 3 minutes", symbol="MULN", at="10:31 ET")
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d WARNING bear_trap stale_bars: no bar for 3 minutes"
        r' symbol=MULN at="10:31 ET"\n',
        written(stream),
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ('say "no"', r'"say \"no\""'),
        ("a=b", '"a=b"'),
        ("", '""'),
        ("line\nfeed", r'"line\nfeed"'),
        ("\x1b[31mred", r'"\u001b[31mred"'),
        (None, "-"),
        (True, "True"),
        (57.3, "57.3"),
        (Decimal("3.410"), "3.410"),
        (datetime(2026, 3, 2, 14, 30, tzinfo=UTC), "2026-03-02T14:30:00+00:00"),
    ],
)
def test_a_field_is_one_word_or_quoted(stream: TextIO, value: object, text: str) -> None:
    journald(stream)
    log(logging.INFO, "x", "m", field=value)
    assert written(stream) == f"<6>x: m field={text}\n"


def test_a_field_may_have_the_name_of_a_parameter(stream: TextIO) -> None:
    journald(stream)
    log(logging.INFO, "x", "m", level=1, event=2, message=3, name=4)
    assert written(stream) == "<6>x: m level=1 event=2 message=3 name=4\n"


def test_one_record_is_one_line(stream: TextIO) -> None:
    journald(stream)
    log(logging.INFO, "refused", "first\r\n<0>second")
    assert written(stream) == "<6>refused: first | <0>second\n"


def test_a_percent_sign_in_a_message_is_just_that(stream: TextIO) -> None:
    journald(stream)
    log(logging.INFO, "x", "down 5%s")
    assert written(stream) == "<6>x: down 5%s\n"


def test_below_the_level_nothing_is_written(stream: TextIO) -> None:
    journald(stream, "warning")
    log(logging.INFO, "x", "m")
    assert written(stream) == ""


def test_an_unknown_level_is_refused(stream: TextIO) -> None:
    with pytest.raises(ValueError, match="LOUD"):
        journald(stream, "LOUD")


def test_libraries_are_heard_from_warning_on(stream: TextIO) -> None:
    journald(stream, "DEBUG")
    logging.getLogger("urllib3").info("chatter")
    logging.getLogger("urllib3").warning("pool is full: %s", "host")
    assert written(stream) == "<4>urllib3: pool is full: host\n"


def test_python_warnings_become_lines(stream: TextIO) -> None:
    journald(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old ways", stacklevel=1)
    assert written(stream).startswith("<4>py.warnings: ")
    assert written(stream).count("\n") == 1


def test_every_line_of_a_traceback_has_the_severity(stream: TextIO) -> None:
    journald(stream)
    try:
        raise ValueError("no such tick")
    except ValueError:
        logging.getLogger("magellan").exception("tick failed")
    lines = written(stream).splitlines()
    assert lines[0] == "<3>magellan: tick failed"
    assert lines[-1] == "<3>ValueError: no such tick"
    assert all(line.startswith("<3>") for line in lines)


def test_secrets_never_appear(stream: TextIO) -> None:
    formatter = journald(stream, secrets=("PKABC", 'odd"word', ""))
    formatter.hide("PKABC-long")
    log(logging.INFO, "PKABC", "key PKABC-long, again PKABC", key="PKABC", odd='odd"word')
    try:
        raise ValueError("refused PKABC-long")
    except ValueError:
        logging.getLogger("magellan").exception("login")
    text = written(stream)
    assert text.startswith('<6>***: key ***, again *** key=*** odd="***"\n')
    assert "PKABC" not in text
    assert "word" not in text
    assert "-long" not in text


def test_setting_up_again_replaces_the_earlier_setup(stream: TextIO) -> None:
    journald(stream)
    journald(stream)
    log(logging.INFO, "x", "once")
    assert written(stream) == "<6>x: once\n"


def test_without_journald_a_file_holds_what_the_journal_would(
    stream: TextIO, tmp_path: Path
) -> None:
    path = tmp_path / "lines.jsonl"
    environ = {"MAGELLAN_LOG_FILE": str(path)}
    formatter = setup("INFO", "daily_trend", environ=environ, stream=stream)
    formatter.hide("s3cret")
    log(logging.WARNING, "outage", "no answer to s3cret", symbol="MULN")
    log_document(logging.INFO, "metrics", "all is well", '{"_aws": {}}')
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    assert [(row["PRIORITY"], row["MESSAGE"]) for row in rows] == [
        ("4", "outage: no answer to *** symbol=MULN"),
        ("6", '{"_aws": {}}'),
    ]
    assert {row["SYSLOG_IDENTIFIER"] for row in rows} == {"magellan-daily-trend"}
    assert all(row["__REALTIME_TIMESTAMP"].isdecimal() for row in rows)
    # The terminal gets the words.
    assert "metrics: all is well" in written(stream)
    logging.getLogger().handlers[1].close()


def test_a_document_goes_to_journald_whole(stream: TextIO) -> None:
    journald(stream)
    log_document(logging.INFO, "metrics", "all is well", '{"_aws": {}}')
    assert written(stream) == '<6>{"_aws": {}}\n'
