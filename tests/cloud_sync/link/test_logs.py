import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cloud_sync.link.logs import VALUE_CHARACTERS_MAX, setup_logging
from domain.errors import OperatorError
from domain.now import Trust, parse_instant
from domain.plate import Plate


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What was logged; the test's own logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    try:
        yield io.StringIO()
    finally:
        root.handlers, root.level = handlers, level


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_object_a_line_with_time_level_unit_event_and_what_is_extra(stream: io.StringIO) -> None:
    setup_logging("riverside.entry-1", stream=stream)
    logging.getLogger("cloud_sync.link.mqtt").warning("link.down", extra={"client": "riverside", "tries": 3})
    (line,) = lines(stream)
    assert abs((parse_instant(line.pop("time")) - datetime.now(UTC)).total_seconds()) < 3_600
    assert line == {
        "level": "warning",
        "unit": "riverside.entry-1",
        "event": "link.down",
        "logger": "cloud_sync.link.mqtt",
        "client": "riverside",
        "tries": 3,
    }


def test_it_goes_to_stderr(capsys: pytest.CaptureFixture[str], stream: io.StringIO) -> None:
    setup_logging("riverside")
    logging.getLogger("x").info("hub.up")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "hub.up"


def test_an_exception_stays_on_its_line(stream: io.StringIO) -> None:
    setup_logging("riverside", stream=stream)
    try:
        int("two\nlines")
    except ValueError:
        logging.getLogger("x").exception("hub.bug")
    (line,) = lines(stream)
    assert "ValueError: invalid literal" in line["trace"]


def test_a_level_is_kept_to_and_a_second_call_replaces_the_first(stream: io.StringIO) -> None:
    setup_logging("first", "debug", stream=stream)
    setup_logging("second", "WARNING", stream=stream)
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")
    assert [(line["unit"], line["event"]) for line in lines(stream)] == [("second", "loud")]


def test_an_unknown_level_is_the_operators_to_correct(stream: io.StringIO) -> None:
    with pytest.raises(OperatorError, match=r"'CHATTY'.*WARNING"):
        setup_logging("riverside", "CHATTY", stream=stream)


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (0.5, 0.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (10**5_000, "<int>"),  # Python does not turn it into text
        ("zwei\nZeilen \ud800", "zwei\nZeilen \ud800"),
        (b"\xff", "b'\\xff'"),
        (Trust.NTP, "ntp"),
        (datetime(2026, 5, 1, 10, tzinfo=UTC), "2026-05-01T10:00:00.000Z"),
        ({"a": [1]}, "{'a': [1]}"),
        (Unprintable(), "<Unprintable>"),
        ("x" * (VALUE_CHARACTERS_MAX + 1), "x" * VALUE_CHARACTERS_MAX + "…"),
        (Plate("BAB1234"), "Plate(••34)"),
        ([Plate("BAB1234")], "[Plate(••34)]"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_odd_extras_are_shown_and_never_fail(value: object, shown: object, stream: io.StringIO) -> None:
    setup_logging("riverside", stream=stream)
    logging.getLogger("x").info("odd", extra={"value": value})
    assert lines(stream)[0]["value"] == shown


def test_arguments_that_do_not_fit_the_message_do_not_lose_it(stream: io.StringIO) -> None:
    setup_logging("riverside", stream=stream)
    logging.getLogger("x").info("%d plates", "no number")
    logging.getLogger("x").info("%s too many", "one", "two")  # noqa: PLE1205 as said
    assert [line["event"] for line in lines(stream)] == ["%d plates", "%s too many"]


def test_an_extra_cannot_pass_itself_off_as_the_unit(stream: io.StringIO) -> None:
    setup_logging("riverside", stream=stream)
    logging.getLogger("x").info("hub.up", extra={"unit": "other", "level": "none"})
    (line,) = lines(stream)
    assert (line["unit"], line["level"], line["unit_"], line["level_"]) == ("riverside", "info", "other", "none")
