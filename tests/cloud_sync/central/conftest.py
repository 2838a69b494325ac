"""Central, on a clock moved by hand."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import make_url

from cloud_sync.central.database import Database
from simulator.ports import free_port
from simulator.world.statements import compiled_once
from tests.cloud_sync.central.banks import BankProcess, MemoryBank
from tests.cloud_sync.central.processes import Central
from tests.cloud_sync.central.site import Site, write_config
from tests.cloud_sync.central.street import StreetSide, Watch
from tests.parts import BrokerSite


@pytest.fixture(scope="module", autouse=True)
def _statements() -> Iterator[None]:
    """Each test opens databases of its own, and most of what it would take is to make the same SQL again."""
    with compiled_once():
        yield


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def street(watch: Watch) -> StreetSide:
    return StreetSide(watch)


@pytest.fixture
def bank() -> MemoryBank:
    return MemoryBank()


@pytest.fixture
def site(tmp_path: Path, watch: Watch, street: StreetSide, bank: MemoryBank) -> Iterator[Site]:
    """Central with a bank in memory."""
    site = Site(tmp_path, watch, street, bank)
    yield site
    site.office.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(make_url(f"sqlite:///{tmp_path}/central.db"))
    yield database
    database.close()


@pytest.fixture(scope="session")
def bank_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BankProcess]:
    """localstripe, as the demo runs it."""
    bank = BankProcess(tmp_path_factory.mktemp("bank"))
    yield bank
    bank.stop()


@pytest.fixture
def own_bank(tmp_path: Path) -> Iterator[BankProcess]:
    """One that knows of nothing yet: central would take over what others have paid there."""
    bank = BankProcess(tmp_path)
    yield bank
    bank.stop()


@pytest.fixture
def central(tmp_path: Path, central_broker: BrokerSite, own_bank: BankProcess) -> Iterator[Central]:
    port = free_port()
    config = write_config(
        tmp_path,
        http_port=port,
        broker_port=central_broker.port,
        broker_user_file=str(central_broker.folder / "central"),
        bank=own_bank.url,
    )
    central = Central(config, port)
    with ExitStack() as stack:
        stack.callback(lambda: central.process and central.end(signal.SIGKILL))
        yield central
