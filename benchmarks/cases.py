"""The work that is timed, once for infoflow and once for each peer and floor.

Every function prepares its data and returns the call to be timed. A floor is the part of the work that no
exact method avoids: the bare matrix product, exponential or eigenvalue call, in the same dtype.
"""

import math

import numpy as np
import torch

from infoflow.data import szt12
from infoflow.estimators import binning, kde, knn, noisy, renyi


def normal(n, d, seed=0, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


# Kernel bounds


def kde_table(n, d):
    x, labels = normal(n, d), torch.arange(n) % 10
    return lambda: kde.table(x, labels, [d / 20])


def kde_floor(n, d, block=512):
    x = normal(n, d) * math.sqrt(1e-3 / d)  # exponents near 0: no slow exponentials
    buffer = x.new_empty(block, block)

    def product_and_exponential():
        for rows in x.split(block):
            for columns in x.split(block):
                torch.mm(rows, columns.T, out=buffer[: len(rows), : len(columns)]).exp_()

    return product_and_exponential


def product_floor(n, d, block=2048):
    x = normal(n, d)
    buffer = x.new_empty(block, n)
    return lambda: [torch.mm(rows, x.T, out=buffer[: len(rows)]) for rows in x.split(block)]


# Nearest neighbours


def knn_entropy(n, d):
    x = normal(n, d)
    return lambda: knn.entropy(x, 3)


def knn_entropy_infomeasure(n, d):
    import infomeasure

    x = normal(n, d).numpy()
    return lambda: infomeasure.entropy(x, approach="metric", k=3)


def knn_entropy_ennemi(n, d):
    import ennemi

    x = normal(n, d).numpy()
    return lambda: ennemi.estimate_entropy(x, k=3, multidim=True)


def neighbours_sklearn(n, d):
    from sklearn.neighbors import NearestNeighbors

    x = normal(n, d).numpy()
    return lambda: NearestNeighbors(n_neighbors=4, algorithm="brute").fit(x).kneighbors(x)


def ksg(n, d):
    x = normal(n, d)
    y = x + normal(n, d, 1)
    return lambda: knn.mutual_information(x, y, 3)


def ksg_infomeasure(n, d):
    import infomeasure

    x = normal(n, d)
    y = (x + normal(n, d, 1)).numpy()
    return lambda: infomeasure.mutual_information(x.numpy(), y, approach="metric", k=3)


# Matrix-based Renyi entropy


def renyi_information(n, d):
    x, t = normal(n, d), normal(n, d, 1)
    return lambda: renyi.mutual_information(x, t, 1.01, [math.sqrt(d)] * 2)


def renyi_floor(n, d):
    """Two products and three eigenvalue calls."""
    x, t = normal(n, d), normal(n, d, 1)
    grams = [v @ v.T / d for v in (x, t)]
    grams.append(grams[0] * grams[1])

    def products_and_eigenvalues():
        return [x @ x.T, t @ t.T], [torch.linalg.eigvalsh(gram) for gram in grams]

    return products_and_eigenvalues


def renyi_maps(n, maps, side):
    x = normal(n, maps * side * side).view(n, maps, side * side)
    layer = list(x.unbind(1))
    return lambda: renyi.joint_entropy(layer, 1.01, side * math.sqrt(maps))


def renyi_maps_floor(n, maps, side):
    """One product of the concatenation, its exponential, one eigenvalue call."""
    x = normal(n, maps * side * side)

    def one_gram():
        return torch.linalg.eigvalsh(torch.mm(x, x.T).mul_(1e-5).exp_())

    return one_gram


def renyi_square(n, d):
    x = normal(n, d)
    return lambda: renyi.entropy(x, 2, math.sqrt(d))


# Gaussian mixtures


def mixture(n, d, samples, std=0.2):
    centres = normal(n, d)
    return lambda: noisy.mixture_entropy(centres, std, samples=samples, generator=generator(), method="monte_carlo")


def mixture_torch(n, d, samples, std=0.2, chunk=64):
    centres = normal(n, d)
    distributions = torch.distributions
    components = distributions.Independent(distributions.Normal(centres, std), 1)
    weights = distributions.Categorical(torch.ones(n, dtype=torch.float64))
    whole = distributions.MixtureSameFamily(weights, components)
    t = centres[torch.arange(samples) % n] + std * normal(samples, d, 1)
    return lambda: sum(whole.log_prob(part).sum() for part in t.split(chunk)) / samples


def trained_layers(epochs=400):
    """Hidden layers (4096, d) of a 12-10-7-5-4-3-2 tanh net trained on the 12-bit task with noise 0.005."""
    torch.manual_seed(0)
    x = torch.as_tensor(szt12.patterns(), dtype=torch.float32)
    y = torch.as_tensor(szt12.labels(szt12.patterns()))
    sizes = [12, 10, 7, 5, 4, 3, 2]
    layers = [torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)]
    optimiser = torch.optim.Adam([p for layer in layers for p in layer.parameters()], lr=1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(4096).split(256):
            t = x[batch]
            for layer in layers[:-1]:
                t = torch.tanh(layer(t))
                t = t + 0.005 * torch.randn_like(t)
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(layers[-1](t), y[batch]).backward()
            optimiser.step()
    outputs, t = [], x.double()
    for layer in layers[:-1]:
        t = torch.tanh(torch.nn.functional.linear(t, layer.weight.double(), layer.bias.double())).detach()
        outputs.append(t)
    return outputs


def trained_mixtures(samples):
    layers = trained_layers()
    options = {"samples": samples, "method": "monte_carlo"}
    return lambda: [noisy.mixture_entropy(t, 0.005, generator=generator(), **options) for t in layers]


def trained_mixtures_dense(samples, rows=128, columns=1024):
    """All pairs: blocked product, exponential and sum in one buffer."""
    layers = [t / 0.005 for t in trained_layers()]
    buffer = torch.empty(rows * columns, dtype=torch.float64)

    def dense(centres):
        t = centres[torch.arange(samples) % len(centres)] + normal(samples, centres.shape[1], 1)
        left = torch.cat([t, -0.5 * t.square().sum(1, keepdim=True), torch.ones(samples, 1)], 1)
        right = torch.cat([centres, torch.ones(len(centres), 1), -0.5 * centres.square().sum(1, keepdim=True)], 1)
        sums = torch.zeros(samples, dtype=torch.float64)
        for first in range(0, samples, rows):
            part = left[first : first + rows]
            for other in right.split(columns):
                tile = buffer[: len(part) * len(other)].view(len(part), len(other))
                sums[first : first + rows] += torch.mm(part, other.T, out=tile).clamp_(min=-700).exp_().sum(1)
        return sums.log().mean()

    return lambda: [dense(centres) for centres in layers]


# Binning


def binned(n, d):
    x = normal(n, d)
    return lambda: binning.entropy(x, 0.5)


def binned_numpy(n, d):
    x = normal(n, d).numpy()

    def unique_rows():
        counts = np.unique(np.floor(x / 0.5), axis=0, return_counts=True)[1]
        return -(counts / n * np.log(counts / n)).sum()

    return unique_rows
