"""Usable information about labels: what a linear probe makes of a layer on samples that it was not fitted to.

Source: Xu et al., A theory of usable information under computational constraints, ICLR 2020, arXiv 2002.10689.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from infoflow.estimators import _guards
from infoflow.estimators._common import Estimate, plug_in_entropy, reported_in
from infoflow.estimators._inputs import as_labels, as_samples, counting, number

STEPS = 200  # of L-BFGS; it stops where the gradient vanishes


@reported_in("nats")
def probe(
    activity, labels, *, folds: int = 5, penalty: float = 1e-3, generator: torch.Generator | None = None
) -> Estimate:
    """Usable information I_V(T -> Y) = H_V(Y) - H_V(Y | T) for V the softmax of a linear map, in nats.

    Both terms are mean cross-entropies on held-out samples, of the classes' frequencies and of a probe on the standardised
    layer. It is no mutual information: it may rise from layer to layer, which I(T; Y) cannot, and a layer that holds the labels
    in a way that no line separates reads 0. It is at most I(T; Y), but for the noise of the held-out samples.

    Args:
        activity: (n, d).
        labels: (n,), any discrete labels.
        folds: Number of parts that are held out in turn, 2 <= folds <= n.
        penalty: Of the squared weights, >= 0; larger for few samples in many dimensions.
        generator: Source of the folds; by default one of seed 0.

    Returns:
        Estimate in nats with the standard error over held-out samples; ceiling H(Y); negative where the probe is worse than
        the frequencies. No gradient.

    Raises:
        ValueError: On bad activity, labels, folds or penalty.
    """
    activity = as_samples(activity, "activity", minimum=2).detach()
    n = len(activity)
    labels = as_labels(labels, n, activity.device)
    folds = counting(folds, "folds", 2, n)
    penalty = number(penalty, "penalty")
    if not 0 <= penalty < math.inf:
        raise ValueError(f"penalty: expected a finite number >= 0, got {penalty}")
    if _guards.dead(activity, "activity"):
        return Estimate(*activity.new_zeros(3))
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    fold = torch.randperm(n, generator=generator, device=generator.device).to(activity.device) % folds
    gains = torch.empty_like(activity[:, 0])
    for held_out in range(folds):
        test = fold == held_out
        gains[test] = _gain(activity[~test], labels[~test], activity[test], labels[test], penalty)
    value, error = gains.mean(), gains.std() / math.sqrt(n)
    limit = plug_in_entropy(labels.bincount()).item()
    _guards.possible(
        value, 0.0, limit, "the probe fits noise; raise the penalty or take more samples", slack=3 * float(error)
    )
    return Estimate(value, error, torch.zeros_like(error))


def _gain(x: Tensor, y: Tensor, held_out: Tensor, truth: Tensor, penalty: float) -> Tensor:
    """Return how much better than the classes' frequencies a probe predicts each held-out sample (m,)."""
    classes = int(max(y.max(), truth.max())) + 1
    mean, spread = x.mean(0), x.std(0, correction=0)
    spread = torch.where(spread > 0, spread, 1.0)
    counts = y.bincount(minlength=classes).to(x) + 0.5  # no class has frequency 0
    frequencies = (counts / counts.sum()).log()
    weights = _fitted((x - mean) / spread, y, frequencies, penalty)
    logits = ((held_out - mean) / spread) @ weights[:-1] + weights[-1]
    return frequencies[truth].neg() - cross_entropy(logits, truth, reduction="none")


def _fitted(x: Tensor, y: Tensor, start: Tensor, penalty: float) -> Tensor:
    """Return weights (d + 1, classes), the bias last, that minimise cross-entropy plus penalty |W|^2 / 2."""
    weights = torch.cat([x.new_zeros(x.shape[1], len(start)), start[None]]).requires_grad_()
    search = torch.optim.LBFGS([weights], max_iter=STEPS, line_search_fn="strong_wolfe", tolerance_grad=1e-8)

    def loss() -> Tensor:
        search.zero_grad()
        value = cross_entropy(x @ weights[:-1] + weights[-1], y) + 0.5 * penalty * weights[:-1].square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        search.step(loss)
    return weights.detach()
