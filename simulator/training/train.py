"""Train the plate finder: `python -m simulator.training.train --folder F --out F/plate_finder.onnx`.

Draws its scenes into the folder first, then learns, one process a core, and goes on from the state that is there after
it was cut off. The learning rate stays high until the last `--decay` steps, in which it goes down to nothing. Every
five hundred steps the ONNX file is written and its recall measured on scenes that are not trained on. Needs torch:
`make train` installs it.
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, distributed, multiprocessing

from simulator.training.album import Album, Example
from simulator.training.network import Network, export, loss
from simulator.training.recall import recall

BATCH = 16
HELD_OUT = 500
SEED_TRAINING, SEED_HELD_OUT = 1_000_000, 0
RATE_MAX = 2e-3
WARM_UP = 300  # steps
WEIGHT_DECAY = 2e-3
AVERAGED = 0.998  # what is exported is the weights' running average
SAVED_EACH, EXPORTED_EACH, TOLD_EACH = 100, 500, 50  # steps
STATE = "state.pt"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for on the command line."""

    folder: Path
    out: Path
    scenes: int
    steps: int
    decay: int
    workers: int


class Training:
    """The network on its way: weights, their average and how far it is."""

    def __init__(self, plan: Plan) -> None:
        torch.manual_seed(1)
        self._plan = plan
        self._state = plan.folder / STATE
        self.step = 0
        self.network, self.average = Network(), Network()
        self.average.load_state_dict(self.network.state_dict())
        self._optimizer = torch.optim.AdamW(self.network.parameters(), lr=RATE_MAX, weight_decay=WEIGHT_DECAY)
        if self._state.exists():
            saved = torch.load(self._state)
            self.step = saved["step"]
            self.network.load_state_dict(saved["network"])
            self.average.load_state_dict(saved["average"])
            self._optimizer.load_state_dict(saved["optimizer"])

    def save(self) -> None:
        """Keep all that is needed to go on."""
        part = self._state.with_suffix(".part")
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        torch.save(state, part)
        part.rename(self._state)

    def learn(self, batch: list[Tensor]) -> float:
        """One step, together with the other processes; the loss of this one's share."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate()
        self.network.train()
        pictures, heat, near, sides, counts = batch
        with torch.autocast("cpu", torch.bfloat16):
            said = self.network(pictures.float())
        wrong = loss(said.float(), heat, near, sides, counts)
        self._optimizer.zero_grad()
        wrong.backward()
        parameters = list(self.network.parameters())
        flat = torch.cat([parameter.grad.flatten() for parameter in parameters])
        distributed.all_reduce(flat)
        flat /= self._plan.workers
        for parameter, grad in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            parameter.grad.copy_(grad.view_as(parameter))
        torch.nn.utils.clip_grad_norm_(parameters, 10.0)
        self._optimizer.step()
        self.step += 1
        self._average_in()
        return float(wrong.detach())

    def rate(self) -> float:
        """The learning rate: up for a while, level, and in the end down along half a cosine."""
        left = min((self._plan.steps - self.step) / self._plan.decay, 1.0)
        return RATE_MAX * min(self.step / WARM_UP + 0.03, 1.0) * (0.5 - 0.5 * float(np.cos(np.pi * left)))

    def _average_in(self) -> None:
        keep = min(AVERAGED, (1 + self.step) / (10 + self.step))
        now = self.network.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.mul_(keep).add_(now[name], alpha=1 - keep)
                else:
                    value.copy_(now[name])


def batches(album: Album, steps: range, worker: int, workers: int) -> Iterator[list[Tensor]]:
    """This worker's share of the examples of each step, prepared while the step before is learned."""
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(_batch, album, steps.start, worker, workers)
        for step in steps:
            ready = coming.result()
            coming = ahead.submit(_batch, album, step + 1, worker, workers)
            yield ready


def _batch(album: Album, step: int, worker: int, workers: int) -> list[Tensor]:
    """Every scene once an epoch, in another order each time; the same for the same step in every run."""
    epoch, at = divmod(step, album.scenes // BATCH)
    order = np.random.default_rng([epoch]).permutation(album.scenes)[at * BATCH : (at + 1) * BATCH]
    rng = np.random.default_rng([epoch, at, worker])
    examples: list[Example] = [album.example(int(i), rng) for i in order[worker::workers]]
    pictures = np.stack([np.ascontiguousarray(one.pixels.transpose(2, 0, 1)) for one in examples])
    others = (np.stack([getattr(one, name) for one in examples]) for name in ("heat", "near", "sides", "counts"))
    return [torch.from_numpy(array) for array in (pictures, *others)]


def _work(worker: int, plan: Plan) -> None:
    """One of the processes: all take the same steps; the first one tells, saves and exports."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    cv2.setNumThreads(1)
    meeting = f"file://{(plan.folder / 'meeting').absolute()}"
    distributed.init_process_group("gloo", init_method=meeting, rank=worker, world_size=plan.workers)
    album, held_out = _albums(plan)
    training = Training(plan)
    distributed.barrier()
    first, started, losses = training.step, time.monotonic(), []
    for batch in batches(album, range(training.step, plan.steps), worker, plan.workers):
        losses.append(training.learn(batch))
        if worker:
            continue
        if training.step % TOLD_EACH == 0:
            step_s = (time.monotonic() - started) / (training.step - first)
            left_min = (plan.steps - training.step) * step_s / 60
            print(
                f"step {training.step}, loss {np.mean(losses):.3f}, {step_s:.2f} s each, {left_min:.0f} min", flush=True
            )
            losses.clear()
        if training.step % SAVED_EACH == 0 or training.step == plan.steps:
            training.save()
        if training.step % EXPORTED_EACH == 0 or training.step == plan.steps:
            export(training.average, plan.out)
            print(f"step {training.step}: {recall(plan.out, held_out)}", flush=True)
    distributed.destroy_process_group()


def _albums(plan: Plan) -> tuple[Album, Album]:
    """What is trained on and what is not."""
    return (
        Album(plan.folder / "training", plan.scenes, first_seed=SEED_TRAINING, workers=plan.workers, progress=_drawn),
        Album(plan.folder / "held-out", HELD_OUT, first_seed=SEED_HELD_OUT, workers=plan.workers, progress=_drawn),
    )


def _drawn(scenes: int) -> None:
    if scenes % 1_000 == 0:
        print(f"{scenes} scenes drawn", flush=True)


def main() -> None:
    """Draw, train, export."""
    parser = argparse.ArgumentParser(prog="python -m simulator.training.train")
    parser.add_argument("--folder", type=Path, required=True, help="for the drawn scenes (1 GB) and the state")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file")
    parser.add_argument("--scenes", type=int, default=12_000)
    parser.add_argument("--steps", type=int, default=4_200)
    parser.add_argument("--decay", type=int, default=800, help="the last steps, in which the learning rate goes down")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    plan = Plan(**vars(parser.parse_args()))
    _albums(plan)
    (plan.folder / "meeting").unlink(missing_ok=True)
    multiprocessing.spawn(_work, (plan,), plan.workers)


if __name__ == "__main__":
    main()
