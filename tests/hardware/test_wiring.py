"""The `[hardware]` section: what is taken and what is refused."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from domain.errors import OperatorError
from hardware.lane import Lane
from hardware.wiring import InputName, Wiring

DOCS = Path(__file__).parents[2] / "docs"

FULL = """
kind = "gpiozero"
arrival_loop = { pin = 5, debounce_ms = 50 }
safety_loop = { pin = 6 }
[barrier]
open_relay = 20
close_relay = 21
pulse_ms = 300
limit_up = { pin = 12 }
limit_down = { pin = 13 }
[photocell]
pin = 19
[fire]
pin = 7
[cabinet]
pin = 8
normally = "open"
[call_button]
pin = 15
[buzzer]
pin = 18
[camera]
source = "rtsp://127.0.0.1/stream"
[display]
device = "/dev/ttyUSB0"
"""


def test_a_full_section() -> None:
    wiring = Wiring.model_validate(tomllib.loads(FULL))
    assert wiring.pins["open_relay"] == 20
    assert wiring.pins["buzzer"] == 18
    assert {name: contact.normally for name, contact in wiring.inputs.items()} == {
        "arrival_loop": "open",
        "safety_loop": "closed",
        "photocell": "closed",
        "limit_up": "open",
        "limit_down": "open",
        "fire": "closed",
        "cabinet": "open",
        "call_button": "open",
    }


def test_what_a_lane_does_not_have_takes_no_pin() -> None:
    wiring = Wiring.model_validate({"kind": "gpiozero", "barrier": {"kind": "single-pulse"}})
    assert set(wiring.inputs) == {"arrival_loop", "safety_loop", "limit_up", "limit_down"}
    assert set(wiring.outputs) == {"open_relay", "red", "green"}


def test_a_safety_loop_is_normally_closed_where_only_its_pin_is_given() -> None:
    """A cut cable must read as a car."""
    assert Wiring.model_validate({"kind": "gpiozero", "safety_loop": {"pin": 6}}).safety_loop.normally == "closed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surprise": 1}, "Extra inputs"),
        ({"kind": "other"}, "gpiozero"),
        ({"arrival_loop": {"pin": 28}}, "less than or equal to 27"),
        ({"arrival_loop": {"pin": 27}}, "pin 27 is wired 2 times"),
        ({"barrier": {"open_relay": 4}}, "greater than or equal to 9"),
        ({"barrier": {"kind": "single-pulse", "close_relay": 23}}, "has no close_relay"),
        ({"barrier": {"close_relay": None}}, "any other has one"),
        ({"barrier": {"kind": "toggle"}}, "single-pulse"),
        ({"buzzer": {"pin": 8}}, "greater than or equal to 9"),
        ({"lights": {"green": 3}}, "greater than or equal to 9"),
        ({"buzzer": {"pin": 14}}, "serial console"),
        ({"barrier": {"limit_down": {"pin": 14}}}, "short it to ground"),
        ({"safety_loop": {"pin": 14}}, "short it to ground"),
        ({"fire": {"pin": 22}}, "pin 22 is wired 2 times"),
        ({"simulated": {}}, "needs kind"),
        ({"camera": {"source": -1}}, "greater than or equal to 0"),
        ({"camera": {"source": ""}}, "at least 1 character"),
        ({"camera": {"source": "htp://192.0.2.10/"}}, "htp:// is no address of a camera"),
        ({"camera": {"source": "picamera2:left"}}, "its second"),
        (
            {"camera": {"source": 0, "region": {"left": 0.6, "right": 0.4}}},
            r"right \(0.4\) has to be greater than left",
        ),
        (
            {"camera": {"source": 0, "region": {"top": 0.95}}},
            r"bottom \(1\) has to be greater than top \(0.95\) by 0.1",
        ),
        ({"camera": {"source": 0, "region": {"top": 300}}}, "less than or equal to 1"),
        ({"camera": {"source": 0, "region": {"width": 0.5}}}, "Extra inputs"),
        ({"kind": "simulated", "simulated": {"memory": "lanes"}}, "an absolute path"),
    ],
)
def test_mistakes_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Wiring.model_validate({"kind": "gpiozero"} | change)


class TestTheGuide:
    """docs/wiring.md and its picture tell of one wiring, which is one that is taken."""

    GUIDE = (DOCS / "wiring.md").read_text(encoding="utf-8")

    @pytest.fixture
    def wiring(self) -> Wiring:
        (block,) = re.findall(r"```toml\n(.*?)```", self.GUIDE, re.DOTALL)
        return Wiring.model_validate(tomllib.loads(block)["hardware"])

    def test_its_file_has_every_device(self, wiring: Wiring) -> None:
        assert set(wiring.inputs) == set(get_args(InputName))
        assert set(wiring.outputs) == {"open_relay", "close_relay", "red", "green", "buzzer"}
        assert wiring.camera is not None
        assert wiring.display is not None

    def test_its_table_and_its_picture_name_the_same_pins(self, wiring: Wiring) -> None:
        rows = re.findall(r"^\| [^|]+ \| (`[^|]+) \| ([\d, ]+) \|", self.GUIDE, re.MULTILINE)
        told = {
            name: int(pin)
            for names, pins in rows
            for name, pin in zip(re.findall(r"`(\w+)`", names), pins.split(","), strict=True)
        }
        assert told == wiring.pins
        picture = (DOCS / "images" / "lane-wiring.svg").read_text(encoding="utf-8")
        drawn = re.findall(r">(?:GPIO )?(\d+)</text>", picture)
        assert sorted(map(int, drawn)) == sorted(wiring.pins.values())

    def test_it_tells_each_default(self, wiring: Wiring) -> None:
        """Whoever leaves a key out gets what the guide shows."""
        bare = Wiring(kind="gpiozero")
        assert {name: pin for name, pin in wiring.pins.items() if name in bare.pins} == bare.pins
        for name, contact in wiring.inputs.items():
            only_pin = {"kind": "gpiozero", name: {"pin": contact.pin}}
            if name not in ("limit_up", "limit_down"):
                assert Wiring.model_validate(only_pin).inputs[name].normally == contact.normally


@pytest.mark.parametrize(
    ("source", "taken", "pi_camera"),
    [
        (0, 0, None),
        ("1", 1, None),
        ("/dev/video0", "/dev/video0", None),
        ("rtsp://192.0.2.10/stream", "rtsp://192.0.2.10/stream", None),
        ("recorded.avi", "recorded.avi", None),
        ("picamera2", "picamera2", 0),
        ("picamera2:1", "picamera2:1", 1),
    ],
)
def test_the_source_of_a_camera(source: int | str, taken: int | str, pi_camera: int | None) -> None:
    wiring = Wiring.model_validate({"kind": "gpiozero", "camera": {"source": source}}).camera
    assert wiring is not None
    assert wiring.source == taken
    assert wiring.pi_camera == pi_camera


def test_a_simulated_lane_takes_no_real_camera() -> None:
    with pytest.raises(ValidationError, match="brings its own"):
        Wiring.model_validate({"kind": "simulated", "camera": {"source": 0}})


def test_real_pins_on_a_machine_without_any_are_the_operators_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gpio(*_args: object) -> None:
        raise OSError("no /dev/gpiochip0")

    monkeypatch.setattr("gpiozero.pins.lgpio.LGPIOFactory.__init__", no_gpio)
    with pytest.raises(OperatorError, match='kind = "simulated"'):
        Lane.from_wiring(Wiring(kind="gpiozero"))
