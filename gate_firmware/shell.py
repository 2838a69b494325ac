"""Between a lane's devices and its core: how the inputs are and what changes, and the core's commands, in order."""

import logging
from collections.abc import Callable, Sequence

from domain.errors import Refused
from gate_firmware.devices import LaneDevices
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    Beep,
    CabinetDoor,
    CallButton,
    Command,
    DeviceFault,
    FireAlarm,
    Inputs,
    Look,
    LookAway,
    LookForCode,
    LowerArm,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Tell,
    Warn,
)
from gate_firmware.waiting import Change

log = logging.getLogger(__name__)


class Shell:
    """Around one lane's core. Decides nothing."""

    def __init__(self, devices: LaneDevices, look: Callable[[Look | LookForCode | LookAway], None]) -> None:
        """`look` has the lane's eyes do as they are told."""
        self._devices = devices
        self._look = look

    def listen(self, tell: Callable[[Change], None]) -> Inputs:
        """Have every change of an input told from now on, in the thread in which it comes; how the inputs are now."""
        devices = self._devices
        photocell, fire, cabinet = devices.photocell, devices.fire, devices.cabinet
        devices.arrival_loop.when_changed = lambda occupied: tell(ArrivalLoop(occupied))
        devices.safety_loop.when_changed = lambda occupied: tell(SafetyLoop(occupied))
        devices.barrier.when_moved = lambda position: tell(ArmMoved(position))
        if photocell is not None:
            photocell.when_changed = lambda interrupted: tell(Photocell(interrupted))
        if fire is not None:
            fire.when_changed = lambda alarmed: tell(FireAlarm(alarmed))
        if cabinet is not None:
            cabinet.when_changed = lambda is_open: tell(CabinetDoor(is_open))
        if devices.call_button is not None:
            devices.call_button.when_changed = lambda pressed: tell(CallButton(pressed))
        return Inputs(
            arrival=devices.arrival_loop.occupied,
            safety=devices.safety_loop.occupied,
            arm=devices.barrier.position,
            photocell=photocell is not None and photocell.interrupted,
            fire=fire is not None and fire.alarmed,
            cabinet_open=cabinet is not None and cabinet.open,
        )

    def listen_for_faults(self, tell: Callable[[DeviceFault], None]) -> None:
        """Have every fault of a device told from now on, and at once what is faulty already."""

        def limit_switch(detail: str) -> None:
            tell(DeviceFault("limit-switch", detail))

        def display(detail: str) -> None:
            tell(DeviceFault("display-lost", detail))

        barrier, screen = self._devices.barrier, self._devices.display
        barrier.when_faulty, screen.when_faulty = limit_switch, display
        for fault, told in ((barrier.fault, limit_switch), (screen.fault, display)):
            if fault is not None:
                told(fault)

    def perform(self, commands: Sequence[Command]) -> None:
        """Carry the core's commands out, in order; what they follow from is stored already."""
        devices = self._devices
        for command in commands:
            match command:
                case RaiseArm():
                    devices.barrier.raise_arm()
                case LowerArm():
                    try:
                        devices.barrier.lower_arm()
                    except Refused as refused:  # the lane tries again, or raises an alarm
                        log.warning("gate.close_refused", extra={"why": refused.code})
                case Beep():
                    devices.buzzer.beep()
                case Warn():
                    devices.buzzer.warn()
                case Tell(signal, line1, line2):
                    devices.lights.show(signal)
                    devices.display.show(line1, line2)
                case Look() | LookForCode() | LookAway():
                    self._look(command)
