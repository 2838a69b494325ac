"""Right after its start central does not say of a booking that it does not know that there is none."""

from pathlib import Path

from cloud_sync.central.catching_up import HEARD_WITHIN_MS, CatchingUp
from cloud_sync.central.service import CentralService
from cloud_sync.central.settings import CentralSettings
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.v1.messages import Ask, Head, WireMark
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import Site, write_config
from tests.cloud_sync.central.street import LOT


def begun(site: Site) -> tuple[CatchingUp, Receiver]:
    receiver = Receiver(LOT, site.office.journals[LOT], site.office.copies(LOT).apply)
    return CatchingUp(site.office.books, site.street, {LOT: receiver}, site.watch), receiver


def connects(site: Site, receiver: Receiver) -> None:
    """The hub is on the link and says where its log ends."""
    last = site.street.facts[-1]
    mark = WireMark(epoch=last.epoch, seq=last.seq, chain=last.chain)
    receiver.asked(Head(run="r1", epoch=last.epoch, granted=True, marks=[mark], ask=Ask.CURSOR))


async def test_until_it_has_all_that_a_hub_on_the_link_has_told(site: Site) -> None:
    await site.paid()
    catching_up, receiver = begun(site)
    assert catching_up.is_under_way()
    connects(site, receiver)
    assert catching_up.is_under_way()
    receiver.receive(site.street.facts)
    assert not catching_up.is_under_way()


async def test_of_one_lot_what_its_hub_has_told_is_known_once_it_has_come(site: Site, bank: MemoryBank) -> None:
    catching_up, receiver = begun(site)
    assert catching_up.is_behind(LOT), "it has not been heard"
    await site.paid()
    connects(site, receiver)
    assert catching_up.is_behind(LOT)
    receiver.receive(site.street.facts)
    assert not catching_up.is_behind(LOT)
    bank.silent.add("record")
    site.restart()
    catching_up, receiver = begun(site)
    connects(site, receiver)
    assert catching_up.is_behind(LOT), "what was paid for is not known"


async def test_it_is_over_once(site: Site) -> None:
    catching_up, receiver = begun(site)
    connects(site, receiver)
    assert not catching_up.is_under_way()
    await site.paid()
    connects(site, receiver)
    assert not catching_up.is_under_way()


async def test_a_hub_that_is_not_on_the_link_is_not_waited_for(site: Site) -> None:
    site.street.away = True
    catching_up, _ = begun(site)
    assert catching_up.is_under_way(), "it may not have been heard yet"
    site.watch.now = site.watch.now.later(HEARD_WITHIN_MS)
    assert not catching_up.is_under_way()


def test_the_process_waits_for_each_lot_to_be_heard(tmp_path: Path, bank: MemoryBank) -> None:
    service = CentralService(CentralSettings.load(write_config(tmp_path)), bank=bank)
    service.office.books.compare()
    assert service.office.catching_up.is_behind(LOT)
    assert service.office.catching_up.is_under_way()
    service.office.close()


async def test_while_the_provider_is_silent_it_goes_on(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    bank.silent.add("record")
    site.restart()
    site.me = site.me.with_app(site.app)
    assert (await site.me.get(f"/reservations/{reservation_id}")).status_code == 200, "what is known is known"
    for path in ("/reservations/7K3MQ2XD9P", "/payments/pay_1"):
        answer = await site.me.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "catching_up")
        assert answer.headers["retry-after"]
    bank.silent.clear()
    site.office.books.compare()
    assert (await site.me.get("/payments/pay_1")).status_code == 404
