"""Who may do what by the page, and that it counts only once it is stored."""

from collections.abc import Callable

import pytest

from cloud_sync.link.v1.facts import Mode, WithdrawalVouched
from cloud_sync.link.v1.messages import ModeRequest, OpenRequest
from domain.errors import Refused, TryLater
from hub.attendants import Attendant
from hub.desk import Desk
from hub.gates import Gates
from hub.presence import Presence
from tests.hub.lane import Lane, in_mode, opened
from tests.hub.riverside import GATES, HOUR_MS, NOW, SEAL, Riverside, rid
from tests.parts import ENTRY

ANNA, RUTH = Attendant("Anna"), Attendant("Ruth", is_manager=True)
LATER = NOW.later(HOUR_MS)


@pytest.fixture
async def lane() -> Lane:
    """It has come onto the link."""
    lane = Lane(Presence(lambda: LATER))
    await lane.is_on_the_link()
    return lane


def desk(riverside: Riverside, lane: Lane, *, stored: bool = True, fenced: bool = False) -> Desk:
    async def carry_out(deed: Callable[[], None]) -> None:
        if not stored:
            raise TryLater("not_stored", "the disk is full")
        deed()

    def must_speak() -> None:
        if fenced:
            raise TryLater("hub_fenced", "another one speaks")

    gates = Gates(lane, "riverside@1", GATES, lane.presence, lambda: LATER)
    return Desk(riverside.lot, gates, SEAL, carry_out, must_speak, lambda: LATER)


class TestVouching:
    @pytest.fixture(autouse=True)
    def missed(self, riverside: Riverside) -> None:
        """Nobody has come, and the entry is silent."""
        riverside.booked()
        riverside.woken(0.9)

    async def test_is_for_managers(self, riverside: Riverside, lane: Lane, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        with pytest.raises(Refused) as refused:
            await desk(riverside, lane).vouch(rid(1), ENTRY, ANNA)
        assert refused.value.code == "manager_only"
        assert riverside.told(WithdrawalVouched) == []
        await desk(riverside, lane).vouch(rid(1), ENTRY, RUTH)
        assert [told.by for told in riverside.told(WithdrawalVouched)] == ["Ruth"]
        assert [record.message for record in caplog.records] == ["vouch.given"]

    async def test_what_could_not_be_stored_is_not_done(self, riverside: Riverside, lane: Lane) -> None:
        with pytest.raises(TryLater, match="disk"):
            await desk(riverside, lane, stored=False).vouch(rid(1), ENTRY, RUTH)


async def test_an_attendant_opens_in_their_own_name(riverside: Riverside, lane: Lane) -> None:
    lane.answers = [opened(), opened(reservation_id=rid(1))]
    assert (await desk(riverside, lane).open(ENTRY, ANNA)).reservation_id is None
    assert (await desk(riverside, lane).open(ENTRY, RUTH, rid(1))).reservation_id == rid(1)
    said = [one.message for one in lane.asked if isinstance(one.message, OpenRequest)]
    assert [(one.gate_id, one.by, one.reservation_id) for one in said] == [
        (ENTRY, "Anna", None),
        (ENTRY, "Ruth", rid(1)),
    ]


async def test_and_sets_a_lanes_mode(riverside: Riverside, lane: Lane) -> None:
    lane.answers = [in_mode(Mode.HELD_OPEN)]
    assert (await desk(riverside, lane).set_mode(ENTRY, Mode.HELD_OPEN, ANNA)).mode is Mode.HELD_OPEN
    [one] = lane.asked
    assert isinstance(one.message, ModeRequest)
    assert (one.message.gate_id, one.message.by, one.message.mode) == (ENTRY, "Anna", Mode.HELD_OPEN)


async def test_a_hub_that_another_has_succeeded_moves_nothing(riverside: Riverside, lane: Lane) -> None:
    riverside.booked()
    riverside.woken(0.9)
    fenced = desk(riverside, lane, fenced=True)
    for deed in (
        fenced.open(ENTRY, ANNA),
        fenced.set_mode(ENTRY, Mode.CLOSED, ANNA),
        fenced.vouch(rid(1), ENTRY, RUTH),
    ):
        with pytest.raises(TryLater) as refused:
            await deed
        assert refused.value.code == "hub_fenced"
    assert lane.asked == []
    assert riverside.told(WithdrawalVouched) == []
