"""The story is told step by step, to people and to programs."""

import json

import pytest

from domain.errors import Refused
from simulator.demo.timeline import StepFailed, Timeline


async def test_a_step_that_held_is_one_object_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    timeline = Timeline(as_json=True)
    timeline.headline("for people only")
    async with timeline.chapter("at the gate") as chapter, chapter.step("a car drives up") as notes:
        notes.say("admitted")
        notes.say("in 300 ms")
    [line] = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told | {"at_ms": 0, "took_ms": 0} == {
        "step": "a car drives up", "ok": True, "at_ms": 0, "took_ms": 0, "detail": "admitted; in 300 ms"
    }  # fmt: skip
    assert timeline.ok


async def test_what_goes_wrong_in_a_step_is_told_and_ends_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    timeline = Timeline(as_json=True)

    async def drive_up() -> None:
        async with timeline.chapter("at the gate") as chapter, chapter.step("a car drives up") as notes:
            notes.say("it came")
            raise Refused("lane_occupied", "there is a car already")

    with pytest.raises(StepFailed):
        await drive_up()
    told = json.loads(capsys.readouterr().out)
    assert not told["ok"]
    assert "it came" in told["detail"]
    assert "there is a car already" in told["detail"]
    assert not timeline.ok


async def test_people_see_the_step_and_its_notes(capsys: pytest.CaptureFixture[str]) -> None:
    timeline = Timeline(as_json=False)
    async with timeline.chapter("at the [gate]") as chapter, chapter.step("a car [drives] up") as notes:
        notes.say("admitted")
    out = capsys.readouterr().out
    assert "at the [gate]" in out
    assert "✓ a car [drives] up" in out
    assert "· admitted" in out


async def test_chapters_that_go_on_at_once_are_told_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    timeline = Timeline(as_json=True)
    async with timeline.chapter("riverside") as riverside:
        async with riverside.step("1"):
            pass
        async with timeline.chapter("hillside") as hillside:
            async with hillside.step("a"):
                pass
            async with riverside.step("2"), hillside.step("b"):
                pass
    told = [json.loads(line)["step"] for line in capsys.readouterr().out.splitlines()]
    assert told == ["a", "b", "1", "2"]
