"""High dimension before nearest neighbours: principal components, and slices through both variables.

Sources: Butakov et al., ICLR 2024, arXiv 2305.08013 (compress, then estimate); Goldfeld & Greenewald, NeurIPS 2021 (sliced
information).
"""

import math

import torch
from torch import Tensor

from infoflow.estimators import _guards, knn
from infoflow.estimators._common import Estimate, randn, reported_in
from infoflow.estimators._inputs import as_samples, counting, need_generator

KEPT = 0.9  # share of the variance below which components are too few
SLICEABLE = 10  # dimensions beyond which slices see little of what two variables share


def compressed(x, components: int) -> Tensor:
    """The first principal components of samples, to be handed to a nearest-neighbour estimator.

    What two variables share is at most lost: I(compressed X; Y) <= I(X; Y).

    Args:
        x: (n, d).
        components: Number of components, at most min(n, d).

    Returns:
        (n, components), about their mean, in order of their variance; the sign of each is that of its largest loading.
        Differentiable where the variances are distinct.

    Raises:
        ValueError: On bad x or components.
    """
    x = as_samples(x, "x")
    n, d = x.shape
    components = counting(components, "components", 1, min(n, d))
    centred = x - x.mean(0)
    left, values, right = torch.linalg.svd(centred, full_matrices=False)
    kept = float(values[:components].square().sum() / values.square().sum()) if values[0] > 0 else 1.0
    if kept < KEPT:
        _guards.warn("compressed", f"{components} of {min(n, d)} components hold {kept:.0%} of the variance; take more")
    largest = right[:components].abs().argmax(1, keepdim=True)
    signs = right[:components].gather(1, largest)[:, 0].sign()
    return left[:, :components] * values[:components] * signs


@reported_in("nats")
def sliced(x, y, k: int, *, slices: int = 100, generator: torch.Generator | None = None) -> Estimate:
    """Sliced information: the mean of I(a.X; b.Y) over directions a and b drawn evenly from both spheres, in nats.

    It is 0 only for independent variables, and cheap in any dimension, but it is another quantity than I(X; Y): it falls
    with dimension (for d correlated pairs about as 1/d), saturates, and a map that is no rotation changes it. Compare it with
    itself alone, at one dimension.

    Args:
        x: (n, d_x).
        y: (n, d_y).
        k: Neighbour of `knn.mutual_information`.
        slices: Number of pairs of directions.
        generator: Source of the directions.

    Returns:
        Estimate in nats with the standard error over slices; no gradient.

    Raises:
        ValueError: On bad x, y, k or slices, or no generator.
    """
    x, y = as_samples(x, "x", minimum=2).detach(), as_samples(y, "y", minimum=2).detach()
    slices, generator = counting(slices, "slices", 2), need_generator(generator, "sliced")
    if max(x.shape[1], y.shape[1]) > SLICEABLE:
        _guards.warn(
            "sliced",
            f"slices through {x.shape[1]} and {y.shape[1]} dimensions see little of what they share; compare values of one dimension alone",
        )
    lines = [v @ torch.nn.functional.normalize(randn((v.shape[1], slices), generator, v.device), dim=0) for v in (x, y)]
    with _guards.findings() as found:
        values = torch.stack(
            [knn.mutual_information(a, b, k) for a, b in zip(*(line.T for line in lines), strict=True)]
        )
    if worst := _guards.gravest(found):
        of_it = [finding for finding in found if finding.flag == worst]
        _guards.warn(worst, f"in {len(of_it)} of {slices} slices: {of_it[0].message}")
    error = values.std() / math.sqrt(slices)
    return Estimate(values.mean(), error, torch.zeros_like(error))
