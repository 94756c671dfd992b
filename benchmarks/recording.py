"""What a snapshot costs: ResNet-18 on 32 × 32 images, 1000 probe samples, estimated at once, beside an epoch of 50 000 images.

python benchmarks/recording.py            # writes benchmarks/recording.md
"""

import time
from pathlib import Path

import torch
from torch import nn
from torchvision.models import resnet18

import infoflow

IMAGES, BATCH, STEPS, PROBE = 50_000, 128, 8, 1000
ASKED = (["kde"],)


def network():
    """ResNet-18 at the published widths, with the 3 × 3 stem that 32 × 32 images take."""
    model = resnet18(num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return model


def epoch_seconds(model):
    """Seconds of an epoch, from a few of its updates."""
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    x, y = torch.randn(BATCH, 3, 32, 32), torch.randint(10, (BATCH,))

    def update():
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()

    update()
    started = time.perf_counter()
    for _ in range(STEPS):
        update()
    return (time.perf_counter() - started) / STEPS * IMAGES / BATCH


def snapshot_seconds(model, estimators, layers):
    """Seconds of a snapshot with these estimators, the second one: the first finds the layers."""
    x, y = torch.randn(PROBE, 3, 32, 32), torch.randint(10, (PROBE,))
    with infoflow.record(model, layers, estimate=estimators) as recording:
        recording.snapshot(0, x, y)
        started = time.perf_counter()
        recording.snapshot(1, x, y)
        return time.perf_counter() - started, len(recording.layers)


def main():
    """Time both and write the table."""
    torch.manual_seed(0)
    model = network()
    epoch = epoch_seconds(model)
    blocks = [f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)]
    lines = [
        "# Cost of a snapshot", "",
        f"`python benchmarks/recording.py`: ResNet-18 on 32 × 32 images, {PROBE} probe samples, {torch.get_num_threads()} threads, torch "
        f"{torch.__version__}. An epoch of {IMAGES:,} images takes {epoch:.0f} s (from {STEPS} updates of {BATCH}).", "",
        "| layers | estimators | s a snapshot | share of an epoch |", "|---|---|---|---|",
    ]  # fmt: skip
    for layers in (blocks, None):
        for estimators in ASKED:
            seconds, count = snapshot_seconds(model, estimators, layers)
            name = f"{count} leaves" if layers is None else f"{count} blocks"
            lines.append(f"| {name} | {', '.join(estimators)} | {seconds:.1f} | {seconds / epoch:.1%} |")
            print(lines[-1], flush=True)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
