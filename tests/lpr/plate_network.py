"""A recognition network of one's own for EasyOCR, made in a minute: small, and trained on drawn plates alone.

`make` writes it as EasyOCR wants it. It reads the lettering that the tests draw, and no photographs.
"""

import random
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lpr.frame import Frame
from lpr.reader import SIGNS

NAME = "drawn_plates"
HEIGHT_PX = 32
STEPS, BATCH, RATE = 600, 32, 8e-3

CONFIGURATION = f"""
network_params: {{width: 12}}
imgH: {HEIGHT_PX}
lang_list: [en]
character_list: {SIGNS}
"""

ARCHITECTURE = '''
"""Columns of a line, four pixels wide each, from convolutions alone."""

from torch import nn


def _block(given, made):
    return nn.Conv2d(given, made, 3, padding=1, bias=False), nn.BatchNorm2d(made), nn.ReLU(inplace=True)


class Model(nn.Module):
    def __init__(self, num_class, width):
        super().__init__()
        self.shapes = nn.Sequential(
            *_block(1, width),
            nn.MaxPool2d(2),
            *_block(width, 2 * width),
            nn.MaxPool2d(2),
            *_block(2 * width, 4 * width),
            nn.MaxPool2d((2, 1)),
            *_block(4 * width, 4 * width),
            nn.MaxPool2d((2, 1)),
        )
        self.beside = nn.Sequential(
            nn.Conv1d(8 * width, 4 * width, 3, padding=1, bias=False), nn.BatchNorm1d(4 * width), nn.ReLU(inplace=True)
        )
        self.signs = nn.Conv1d(4 * width, num_class, 1)

    def forward(self, line, _text=None):
        shapes = self.shapes(line)
        columns = shapes.reshape(shapes.shape[0], -1, shapes.shape[3])
        return self.signs(self.beside(columns)).permute(0, 2, 1)
'''


def make(folder: Path) -> None:
    """Write the network into EasyOCR's folder: its weights are trained here and now, the same ones every time."""
    network, models = folder / "user_network", folder / "model"
    network.mkdir(parents=True)
    models.mkdir()
    (network / f"{NAME}.yaml").write_text(CONFIGURATION, encoding="utf-8")
    (network / f"{NAME}.py").write_text(ARCHITECTURE, encoding="utf-8")
    namespace: dict[str, Any] = {}
    exec(ARCHITECTURE, namespace)  # noqa: S102  our own, above
    weights = trained(namespace["Model"](num_class=1 + len(SIGNS), width=12))
    # EasyOCR takes the first seven signs off each name, as its own models were trained on several GPUs.
    torch.save({f"module.{name}": weight for name, weight in weights.items()}, models / f"{NAME}.pth")


def trained(model: Any) -> dict[str, Any]:
    """The weights of this model after a minute of drawn plates."""
    torch.manual_seed(1)
    torch.set_num_threads(1)  # the other core may be somebody else's
    dice, noise = random.Random(1), np.random.default_rng(1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    ctc = torch.nn.CTCLoss(blank=0, zero_infinity=True)
    for step in range(STEPS):
        texts = [drawn_text(dice) for _ in range(BATCH)]
        lines = together([drawn_line(text, dice) for text in texts], noise)
        signs = [text.replace(" ", "") for text in texts]
        scores = model(torch.from_numpy(lines)).log_softmax(2).permute(1, 0, 2)
        loss = ctc(
            scores,
            torch.tensor([1 + SIGNS.index(sign) for sign in "".join(signs)]),
            torch.full((BATCH,), len(scores)),
            torch.tensor([len(text) for text in signs]),
        )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step} of {STEPS}: loss {loss.item():.3f}", file=sys.stderr)
    return dict(model.state_dict())


def drawn_text(dice: random.Random) -> str:
    """Five to nine signs in up to three groups."""
    signs = [dice.choice(SIGNS) for _ in range(dice.randint(5, 9))]
    for place in sorted(dice.sample(range(1, len(signs)), dice.randint(0, 2)), reverse=True):
        signs.insert(place, " ")
    return "".join(signs)


def drawn_line(text: str, dice: random.Random) -> Frame:
    """It in dark on light with something around it, as high as the network wants it."""
    size, weight = dice.uniform(1, 2.2), dice.choice((2, 3, 3, 4))
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, weight)
    plate: Frame = np.full((3 * height, width + 2 * height), dice.randint(200, 255), np.uint8)
    cv2.putText(
        plate, text, (height, 2 * height), cv2.FONT_HERSHEY_SIMPLEX, size, dice.randint(0, 60), weight, cv2.LINE_AA
    )
    x, y, across, down = cv2.boundingRect((plate < 128).astype(np.uint8))
    above, below, before, behind = (round(dice.uniform(0.05, 0.5) * down) for _ in range(4))
    line = plate[y - above : y + down + below, x - before : x + across + behind]
    above, below, before, behind = (dice.randint(0, most) for most in (5, 5, 14, 14))  # of what is around the plate
    line = np.pad(line, ((above, below), (before, behind)), constant_values=dice.randint(40, 150))
    wide = round(HEIGHT_PX * line.shape[1] / line.shape[0])
    return np.asarray(cv2.resize(line, (wide, HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)


def together(lines: list[Frame], noise: np.random.Generator) -> NDArray[np.float32]:
    """Lines in one batch as EasyOCR makes it: from -1 to 1, each continued to the right by its last column."""
    width = -(-max(line.shape[1] for line in lines) // 8) * 8
    batch = np.stack([np.pad(line, ((0, 0), (0, width - line.shape[1])), mode="edge") for line in lines])
    noisy = batch[:, np.newaxis].astype(np.float32) + noise.normal(0, 3, (len(lines), 1, HEIGHT_PX, width))
    return (noisy / 127.5 - 1).astype(np.float32)
