"""Contacts, lights and the customer display."""

import logging
import os
import pty
from collections.abc import Callable
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from hardware.cabinet import Cabinet
from hardware.call_button import CallButton
from hardware.contact import Contact
from hardware.display import Display
from hardware.fire import FireAlarm
from hardware.lights import Lights, Signal
from hardware.loop import Loop
from hardware.photocell import Photocell
from hardware.wiring import ContactWiring, GuardWiring, LightsWiring


@pytest.mark.parametrize("normally", ["open", "closed"])
def test_loop_reports_each_change_once(normally: str) -> None:
    factory = MockFactory()
    loop = Loop(ContactWiring.model_validate({"pin": 17, "normally": normally}), factory)
    pin = factory.pin(17)
    occupy, free = (pin.drive_low, pin.drive_high) if normally == "open" else (pin.drive_high, pin.drive_low)
    free()
    seen: list[bool] = []
    loop.when_changed = seen.append
    for drive in (occupy, occupy, free, occupy):
        drive()
    assert seen == [True, False, True]
    assert loop.occupied
    loop.release()
    assert factory.pin(17).when_changed is None


@pytest.mark.parametrize(
    ("device", "says"),
    [
        (Loop, lambda device: device.occupied),
        (Photocell, lambda device: device.interrupted),
        (FireAlarm, lambda device: device.alarmed),
        (Cabinet, lambda device: device.open),
        (CallButton, lambda device: device.pressed),
    ],
)
def test_each_contact_says_in_its_own_word_that_it_is_active(
    device: type[Contact], says: Callable[[Contact], bool]
) -> None:
    factory = MockFactory()
    contact = device(GuardWiring(pin=17), factory)
    assert says(contact), "nothing drives the pin, as when its cable is cut"
    seen: list[bool] = []
    contact.when_changed = seen.append
    factory.pin(17).drive_low()
    assert not says(contact)
    factory.pin(17).drive_high()
    assert seen == [False, True]
    contact.release()


def test_lights_are_never_both_lit_and_dark_at_start_and_end() -> None:
    factory = MockFactory()
    wiring = LightsWiring()
    red, green = factory.pin(wiring.red), factory.pin(wiring.green)
    lights = Lights(wiring, factory)
    shown = []
    for signal in (Signal.OFF, Signal.RED, Signal.GREEN, Signal.RED, Signal.OFF):
        lights.show(signal)
        assert lights.showing is signal
        shown.append((red.state, green.state))
    lights.show(Signal.GREEN)
    lights.release()
    assert shown == [(False, False), (True, False), (False, True), (True, False), (False, False)]
    assert (red.state, green.state) == (False, False)


def test_display_writes_both_lines_to_its_device() -> None:
    ours, theirs = pty.openpty()
    try:
        os.set_blocking(ours, False)
        display = Display(Path(os.ttyname(theirs)))
        display.show("Willkommen in Köln, Spot 1-042", "→ left")
        assert os.read(ours, 100) == b"\x0cWillkommen in K\x94ln, ? left".ljust(41)
        assert display.lines == ("Willkommen in Köln, ", "→ left")
        display.release()
        assert os.read(ours, 100) == b"\x0c" + b" " * 40
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_missing_display_is_told_and_logged_once_and_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hardware.display")
    device = tmp_path / "display"
    display = Display(device)
    told: list[str] = []
    display.when_faulty = told.append
    display.show("one")
    display.show("two")
    assert told == [display.fault]
    assert f"the display {device} is lost" in told[0]
    device.touch()
    display.show("three")
    assert display.fault is None
    display.show("four")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert device.read_bytes().split(b"\x0c")[1:] == [b"three".ljust(40), b"four".ljust(40)]
    display.release()


def test_a_display_that_is_lost_again_is_told_again_but_not_as_it_is_released(tmp_path: Path) -> None:
    device = tmp_path / "display"
    device.touch()
    display = Display(device)
    told: list[str] = []
    display.when_faulty = told.append
    for _ in range(2):
        display._hang_up()
        device.unlink()
        display.show("nobody reads it")
        device.touch()
        display.show("somebody does")
    assert len(told) == 2
    display._hang_up()
    device.unlink()
    display.release()
    assert len(told) == 2


def test_a_display_that_takes_nothing_does_not_block(tmp_path: Path) -> None:
    fifo = tmp_path / "display"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        display = Display(fifo)
        for _ in range(5_000):  # far more than a pipe holds
            display.show("full")
        display.release()
    finally:
        os.close(reader)


def test_no_device_only_remembers() -> None:
    display = Display(None)
    display.show("Hello")
    assert display.lines == ("Hello", "")
