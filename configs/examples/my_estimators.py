"""Estimators of one's own: any function of a layer's values (n, d) and its classes (n,) that returns a number, or several by name."""

import torch


def effective_rank(values, labels):
    """Exponential of the entropy of the singular values (Roy & Vetterli 2007)."""
    shares = torch.linalg.svdvals(values - values.mean(0))
    shares = shares / shares.sum()
    return float(torch.special.entr(shares).sum().exp())


def separation(values, labels, power=2.0):
    """Distance between the classes' means over the spread within classes, and how many classes there are."""
    means = torch.stack([values[labels == one].mean(0) for one in labels.unique()])
    within = torch.stack([values[labels == one].std(0).norm() for one in labels.unique()]).mean()
    return {"separation": float(torch.pdist(means).mean() / within) ** (power / 2), "classes": float(len(means))}
