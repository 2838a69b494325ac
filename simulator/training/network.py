"""The plate finder's network: small enough for a gate's processor, and its export to ONNX. Needs torch.

Fully convolutional on depthwise separable layers: down to a 32nd of the picture for what surrounds a plate, and back up
to an eighth for where exactly it is. In each cell it says how much the middle of a plate it is (as CenterNet), how far
the plate's sides are, and how well it believes to know them (as FCOS): a plate's score is the mean of both.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulator.training.album import STRIDE

_FARTHEST = 4.2
"""Logarithm of the farthest side, in cells."""


class _Layer(nn.Module):  # type: ignore[misc] # torch is not installed where types are checked
    """A 3 x 3 look at each channel, then a mix of channels; added to its input where the form allows."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.look = nn.Conv2d(before, before, 3, stride, 1, groups=before, bias=False)
        self.look_norm = nn.BatchNorm2d(before)
        self.mix = nn.Conv2d(before, after, 1, bias=False)
        self.mix_norm = nn.BatchNorm2d(after)
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.look_norm(self.look(x)))
        y = functional.relu(self.mix_norm(self.mix(y)))
        return x + y if self.adds else y


class Network(nn.Module):  # type: ignore[misc] # as above
    """B x 3 x H x W, 0..255, to B x 6 x H/8 x W/8: middle, left, top, right, bottom, quality, none of them bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.quarter = nn.Sequential(_Layer(16, 32, 2), _Layer(32, 32))
        self.eighth = nn.Sequential(_Layer(32, 64, 2), _Layer(64, 64), _Layer(64, 64))
        self.sixteenth = nn.Sequential(_Layer(64, 96, 2), *(_Layer(96, 96) for _ in range(3)))
        self.thirty_second = nn.Sequential(_Layer(96, 128, 2), *(_Layer(128, 128) for _ in range(3)))
        self.up_from_32 = nn.Conv2d(128, 96, 1)
        self.at_16 = _Layer(96, 96)
        self.up_from_16 = nn.Conv2d(96, 64, 1)
        self.at_8 = nn.Sequential(_Layer(64, 64), _Layer(64, 64), _Layer(64, 64))
        self.out = nn.Conv2d(64, 6, 1)
        with torch.no_grad():
            self.out.bias.zero_()
            self.out.bias[0] = -4.6  # at first, one cell in a hundred is believed to be a plate
            self.out.bias[1:5] = 1.0

    def forward(self, picture: Tensor) -> Tensor:
        quarter = self.quarter(self.stem((picture - 127.5) / 64))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        deep = self.up_from_32(self.thirty_second(sixteenth))
        middle = self.at_16(sixteenth + functional.interpolate(deep, scale_factor=2, mode="nearest"))
        fine = self.at_8(eighth + functional.interpolate(self.up_from_16(middle), scale_factor=2, mode="nearest"))
        said: Tensor = self.out(fine)
        return said


def distances(said: Tensor) -> Tensor:
    """How far left, top, right and bottom are, in cells."""
    return torch.exp(said[:, 1:5].clamp(-4, _FARTHEST))


def loss(said: Tensor, heat: Tensor, near: Tensor, sides: Tensor, counts: Tensor) -> Tensor:
    """How wrong the network is: middles by the focal loss of CenterNet, sides by GIoU, quality by the overlap."""
    plates = near.sum().clamp(min=1)
    belief = said[:, 0]
    sure, unsure = functional.logsigmoid(belief), functional.logsigmoid(-belief)
    p = belief.sigmoid()
    peak = (heat == 1).float()
    middles = peak * (1 - p) ** 2 * sure + (1 - peak) * counts * (1 - heat) ** 4 * p**2 * unsure
    overlap, generalised = _overlap(distances(said), sides)
    logs = (said[:, 1:5].clamp(-4, _FARTHEST) - sides.clamp(min=0.02).log()).abs().mean(dim=1)
    boxes = (near * (1 - generalised + 0.3 * logs)).sum()
    quality = functional.binary_cross_entropy_with_logits(said[:, 5], overlap.detach(), reduction="none")
    return (-middles.sum() + 2 * boxes + (near * quality).sum()) / plates


def _overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union of boxes given by their four distances from one point, and its generalised form."""
    inner, outer = torch.minimum(a, b), torch.maximum(a, b)
    shared = (inner[:, 0] + inner[:, 2]) * (inner[:, 1] + inner[:, 3])
    both = (a[:, 0] + a[:, 2]) * (a[:, 1] + a[:, 3]) + (b[:, 0] + b[:, 2]) * (b[:, 1] + b[:, 3]) - shared
    hull = (outer[:, 0] + outer[:, 2]) * (outer[:, 1] + outer[:, 3])
    overlap = shared.clamp(min=0) / both.clamp(min=1e-4)
    return overlap, overlap - (hull - both) / hull.clamp(min=1e-4)


class _AtTheGate(nn.Module):  # type: ignore[misc] # as above
    """The network as the gate calls it: a frame's bytes in, scores and boxes in pixels out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        said = self.network(frame.permute(0, 3, 1, 2).float())
        score = torch.sqrt(said[:, 0].sigmoid() * said[:, 5].sigmoid())
        return score, distances(said) * STRIDE


def export(network: Network, file: Path) -> None:
    """Write the network as ONNX: `frame` (1 x H x W x 3 bytes, H and W multiples of 32) to `score` and `sides`."""
    part = file.with_suffix(".part")
    torch.onnx.export(
        _AtTheGate(network).eval(),
        (torch.zeros(1, 288, 448, 3, dtype=torch.uint8),),
        str(part),
        input_names=["frame"],
        output_names=["score", "sides"],
        dynamic_axes={
            "frame": {1: "height", 2: "width"},
            "score": {1: "rows", 2: "columns"},
            "sides": {2: "rows", 3: "columns"},
        },
        opset_version=17,
        dynamo=False,
    )
    part.rename(file)
