import numpy as np
import pytest
from numpy.typing import NDArray

from lpr.ctc import best_read, plate_columns, reduced
from lpr.reader import BLANK, SIGNS


def test_alphabets_are_reduced_to_signs_and_blank() -> None:
    alphabet = ["blank", "0", "a", "A", "Z", "-", "京", "ß", "ﬆ", "", "AB"]
    of = SIGNS.index
    expected = [BLANK, of("0"), of("A"), of("A"), of("Z"), BLANK, BLANK, BLANK, BLANK, BLANK, BLANK]
    assert plate_columns(alphabet).tolist() == expected


def test_probabilities_of_one_sign_are_added_and_the_rest_is_blank() -> None:
    columns = plate_columns(["blank", "a", "A", "-"])
    log_probs = reduced(np.array([[0.1, 0.2, 0.3, 0.4]], np.float32), columns)
    assert log_probs.shape == (1, BLANK + 1)
    assert np.exp(log_probs[0, SIGNS.index("A")]) == pytest.approx(0.5)
    assert np.exp(log_probs[0, BLANK]) == pytest.approx(0.5)
    assert np.isfinite(log_probs).all()


def _columns(path: str, p: float = 0.9) -> NDArray[np.float32]:
    """Columns whose best path is `path`, with _ for blank."""
    columns = np.full((len(path), BLANK + 1), (1 - p) / BLANK)
    for at, sign in enumerate(path):
        columns[at, BLANK if sign == "_" else SIGNS.index(sign)] = p
    log_probs: NDArray[np.float32] = np.log(columns).astype(np.float32)
    return log_probs


@pytest.mark.parametrize(
    ("path", "text"), [("__A_BB_1__", "AB1"), ("AABB", "AB"), ("A_AB", "AAB"), ("B", "B"), ("___", ""), ("", "")]
)
def test_best_read_collapses_repeats_and_drops_blanks(path: str, text: str) -> None:
    assert best_read(_columns(path))[0] == text


def test_confidence_is_the_mean_over_the_signs() -> None:
    log_probs = np.concatenate([_columns("A", 0.8), _columns("_", 0.5), _columns("B", 0.6)])
    assert best_read(log_probs)[1] == pytest.approx(0.7)
    assert best_read(_columns("___"))[1] == 0
