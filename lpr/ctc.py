"""From a text recogniser's CTC output over its own alphabet to the signs of a plate and blank."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lpr.reader import BLANK, SIGNS

_FLOOR = 1e-12
"""Stands in for a probability of zero, which has no logarithm."""


def plate_columns(alphabet: Sequence[str]) -> NDArray[np.intp]:
    """Where each class of a recogniser belongs: small letters with capitals, all else in blank."""
    column = {sign: i for i, sign in enumerate(SIGNS)}
    return np.array([column.get(character.upper(), BLANK) for character in alphabet], dtype=np.intp)


def reduced(probabilities: NDArray[np.float32], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """T x C probabilities added up by `plate_columns`: T x 37 logarithms, as a Sighting carries them."""
    sums = np.zeros((len(probabilities), BLANK + 1), dtype=np.float32)
    [classes] = np.nonzero(columns != BLANK)
    for of_class in classes:
        sums[:, columns[of_class]] += probabilities[:, of_class]
    others = probabilities.copy()  # thousands of classes: emptied of the signs, they are summed faster than picked
    others[:, classes] = 0
    sums[:, BLANK] = others.sum(axis=1)
    return np.log(np.maximum(sums, _FLOOR))


def best_read(log_probs: NDArray[np.float32]) -> tuple[str, float]:
    """The text of the best path through T x 37 columns, and the mean probability of its signs (0 for no signs)."""
    best = log_probs.argmax(axis=1)
    starts = (best != BLANK) & (best != np.concatenate(([BLANK], best[:-1])))
    if not starts.any():
        return "", 0.0
    return "".join(SIGNS[i] for i in best[starts]), float(np.exp(log_probs[starts].max(axis=1)).mean())


def printed(probabilities: NDArray[np.float32], alphabet: Sequence[str]) -> str:
    """The text of the best path in a recogniser's own alphabet, whose first class is blank."""
    best = probabilities.argmax(axis=1)
    starts = (best != 0) & (best != np.concatenate(([0], best[:-1])))
    return "".join(alphabet[i] for i in best[starts])
