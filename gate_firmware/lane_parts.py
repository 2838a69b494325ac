"""What one lane is made of: each part knows one thing about it, and moves nothing by itself."""

from collections.abc import Callable
from dataclasses import dataclass

from cloud_sync.link.v1.facts import Direction
from gate_firmware.arm import Arm
from gate_firmware.arrival_watch import ArrivalWatch
from gate_firmware.blockage import Blockage
from gate_firmware.bystanders import Bystanders
from gate_firmware.crossings import Crossings
from gate_firmware.deciding import Judge
from gate_firmware.identification import Identification
from gate_firmware.local_release import LocalRelease
from gate_firmware.photocell_watch import PhotocellWatch
from gate_firmware.record import Record
from gate_firmware.settings import Timing
from gate_firmware.sign import Sign
from gate_firmware.under_arm import UnderArm
from gate_firmware.words import IDLE
from hardware.wiring import BarrierWiring


@dataclass(frozen=True, slots=True)
class Parts:
    """One lane's."""

    direction: Direction
    timing: Timing
    record: Record
    car: Identification
    arrivals: ArrivalWatch
    crossings: Crossings
    bystanders: Bystanders
    blockage: Blockage
    photocell_watch: PhotocellWatch
    arm: Arm
    release: LocalRelease
    sign: Sign

    @property
    def under(self) -> UnderArm:
        """What is under the arm."""
        return self.crossings.under


def parts_of(
    direction: Direction,
    record: Record,
    judge: Judge,
    timing: Timing,
    barrier: BarrierWiring,
    new_passage: Callable[[], str],
) -> Parts:
    """A lane's parts, as they are before it starts."""
    arrivals, arm = ArrivalWatch(record, timing.stuck_ms), Arm(record, barrier)
    car = Identification(direction, judge, record, new_passage)
    crossings = Crossings(record, car, arrivals, timing.gap_ms_max)
    return Parts(
        direction=direction,
        timing=timing,
        record=record,
        car=car,
        arrivals=arrivals,
        crossings=crossings,
        bystanders=Bystanders(record),
        blockage=Blockage(record, timing.drive_ms_max),
        photocell_watch=PhotocellWatch(record, crossings.under, timing.drive_ms_max),
        arm=arm,
        release=LocalRelease(arm, timing.drive_ms_max),
        sign=Sign(IDLE),
    )
