"""Which snapshots of a training are kept, recorded and thinned."""

from __future__ import annotations

from infoflow.config.experiments import Experiment, Thinning
from infoflow.config.grids import geometric, spread
from infoflow.plan import checkpoints


def snapshot_epochs(experiment: Experiment) -> list[int]:
    """Completed epochs, or updates under `training.steps_per_epoch`, whose weights are kept; 0 = initial weights.

    Of networks that were trained elsewhere those of their checkpoints.
    """
    if experiment.training.checkpoints is not None:
        first = experiment.first_seed
        return list(checkpoints.files(experiment.training.checkpoints, range(first, first + experiment.seeds))[first])
    unit, rule = experiment.training.steps_per_epoch or 1, experiment.snapshots
    total = experiment.training.epochs * unit
    epochs = set(range(min(rule.every_until, total) + 1)) | {0, total}
    epochs |= {epoch * unit for epoch in rule.at if epoch * unit <= total}
    if rule.log_spaced and total > 1:
        start = max(1, min(rule.every_until, total - 1))
        epochs |= set(geometric(start, total - 1, rule.log_spaced))
    return sorted(epochs)


def recorded_epochs(experiment: Experiment, epochs: list[int], seed: int) -> list[int]:
    """Epochs at which a seed's activations are recorded: all, or a thinned subset for later seeds."""
    thinning = experiment.probe.thinning
    if thinning is None or seed < thinning.after_seed:
        return epochs
    return thinned(epochs, thinning)


def thinned(epochs: list[int], thinning: Thinning) -> list[int]:
    """The recorded epochs that later seeds keep; the first and the last are always among them."""
    if thinning.log_spaced:
        return spread(epochs, thinning.log_spaced)
    return sorted({epochs[0], *epochs[::-1][:: thinning.every]})
