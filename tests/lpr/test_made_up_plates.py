from random import Random

from domain.plate import Plate
from lpr.made_up_plates import look_alikes, made_up
from lpr.plate_line import is_typical_plate


def test_one_seed_draws_the_same_typical_plates() -> None:
    first, second = Random(3), Random(3)
    plates = [made_up(first) for _ in range(50)]
    assert plates == [made_up(second) for _ in range(50)]
    assert all(is_typical_plate(plate.open, plate.open) for plate in plates)
    assert len(set(plates)) == 50


def test_look_alikes_differ_in_one_sign_and_not_in_o_and_0_alone() -> None:
    random = Random(5)
    for plate in (made_up(random) for _ in range(200)):
        twins = look_alikes(plate)
        assert twins
        assert len(set(twins)) == len(twins)
        for twin in twins:
            assert sum(a != b for a, b in zip(plate.folded, twin.folded, strict=True)) == 1


def test_there_may_be_no_look_alike() -> None:
    assert look_alikes(Plate("J9J9")) == []
