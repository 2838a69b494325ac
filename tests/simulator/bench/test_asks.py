"""What the clients ask for."""

from collections import Counter
from itertools import pairwise

import pytest

from domain.ids import parse_reservation_id
from domain.window import Window
from simulator.bench.asks import MIXES, SPOTS, Mix, asks
from tests.parts import NOON


@pytest.mark.parametrize("mix", MIXES)
def test_so_many_want_each_window_and_no_two_windows_overlap(mix: Mix) -> None:
    asked = list(asks(mix, 2_000, NOON))
    windows = Counter((one.spot_id, Window(one.start, one.end)) for one in asked)
    assert set(windows.values()) == {mix.drivers}
    assert len({spot for spot, _ in windows}) == mix.spots <= SPOTS
    for spot in {spot for spot, _ in windows}:
        taken = sorted((window.start, window.end) for where, window in windows if where == spot)
        assert all(end <= start for (_, end), (start, _) in pairwise(taken))
    assert {parse_reservation_id(one.reservation_id) for one in asked} == {one.reservation_id for one in asked}
