"""Central, on a clock moved by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from cloud_sync.central.database import Database
from tests.cloud_sync.central.banks import BankProcess, MemoryBank
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import StreetSide, Watch


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
