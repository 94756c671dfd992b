"""The documents' objectives as pieces for a loop of one's own: the rate–distortion loss, and the orthonormal step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from infoflow.errors import InputError
from infoflow.models.hooks import capture
from infoflow.models.inspection import unwrapped
from infoflow.training.optimisers import towards_orthonormal
from infoflow.training.rate_distortion import information


class RateDistortion:
    """The rate Σ_l I_α(X; X^l) in bits of some layers, to be traded against a loss (Huang & Narayanan 2016).

        objective = RateDistortion(model, ["conv1", "fc1"], variance=0.2)
        for x, y in loader:
            output, rate = objective(x)
            loss = rate + 10 * cross_entropy(output, y)
            loss.backward()

    The kernels see squared distances of whole layers: σ² is in their units, and the rate of a layer whose σ² is far from its
    typical squared distance is near log2 of the batch's size, or near 0, and has hardly a gradient.

    Args:
        model: any `torch.nn.Module` whose layers have the samples as first axis.
        layers: names of modules, see `infoflow.layers(model, x)`.
        variance: σ² of the Gaussian kernels of the input and of every layer.
        alpha: order; 2 needs no eigenvalues and is the fastest.
        output: whether the softmax of the model's output is one of the layers.

    Raises:
        InputError: the model has no such module; when called, a layer was not reached.
    """

    def __init__(
        self, model: nn.Module, layers: Sequence[str], *, variance: float, alpha: float = 2.0, output: bool = False
    ) -> None:
        if not variance > 0 or not math.isfinite(variance):
            raise InputError(f"variance: expected a number above 0, found {variance!r}")
        if not layers and not output:
            raise InputError("layers: none; name some of infoflow.layers(model, x), or output=True")
        self.model, self.inner, self.names = model, unwrapped(model), {name: name for name in layers}
        if "_orig_mod" in model._modules:
            raise InputError("model: it is compiled, which hides its layers; give the module that was compiled")
        self.variance, self.alpha, self.output = variance, alpha, output
        with capture(self.inner, self.names):  # names that do not exist are refused at once
            pass

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The model's output for a batch (n, …), and the rate in bits, 0-d; both with gradients."""
        with capture(self.inner, self.names) as captured:
            output = self.model(x)
        values = [captured[name] for name in self.names]
        if self.output:
            values.append(output.softmax(-1))
        stacks = [value.flatten(1)[None] for value in values]
        return output, torch.stack(information(x.flatten(1)[None], stacks, self.variance, self.alpha)).sum()


@torch.no_grad()
def orthonormal_step(model: nn.Module, strength: float) -> None:
    """Move the rows of every weight matrix but the last towards orthonormal ones: W ← W − α (W Wᵀ W − W), in place.

    It is taken after each step of the optimiser (Parseval networks, Cissé et al. 2017; Goldfeld et al. 2019). A convolution's weights
    are the matrix (maps, all the rest).

    Args:
        model: any `torch.nn.Module`; of its linear and convolutional layers the last one, the read-out, stays as it is.
        strength: α, small beside 1.

    Raises:
        InputError: α is no positive number.
    """
    if not strength > 0:
        raise InputError(f"strength: expected a number above 0, found {strength!r}")
    layers = [module for module in model.modules() if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd))]
    for layer in layers[:-1]:
        moved = layer.weight.detach().flatten(1)[None].clone()  # a view would be a copy in some memory formats
        towards_orthonormal(moved, strength)
        layer.weight.copy_(moved.view(layer.weight.shape))
