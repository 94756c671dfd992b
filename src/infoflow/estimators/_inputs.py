"""Inputs as people have them: tensors, arrays, lists, frames, labels of any kind; what cannot be used is refused by name and place."""

import numbers
from decimal import Decimal

import numpy as np
import torch
from torch import Tensor

EXACT = 2**53  # beyond it float64 no longer tells whole numbers apart


def as_tensor(x, name: str = "x", device=None) -> Tensor:
    """Return numbers as a tensor; what is a tensor keeps its type and its gradient, Python floats stay double.

    Arrays of any byte order and precision, lists of numbers, arrays or tensors, masked arrays without a masked value,
    pandas frames and series without a missing one, and whatever numpy understands.

    Raises:
        ValueError: On text, missing or masked values, rows of different lengths, or whole numbers that float64 cannot hold.
    """
    if not isinstance(x, Tensor):
        x = as_array(x, name)
    if not isinstance(x, Tensor):
        x = _native(x, name)
        x = x if x.flags.writeable and min(x.strides, default=0) >= 0 else x.copy()  # torch shares neither kind
    return torch.as_tensor(x, device=device)


def as_samples(x, name: str, *, minimum: int = 1) -> Tensor:
    """Return `x` as a finite float64 tensor (n, d); one-dimensional input is taken as d = 1.

    Raises:
        ValueError: If `x` is not (n, d) with n >= minimum and d >= 1, or holds what is no finite number.
    """
    x = as_numbers(x, name)
    if x.ndim == 1:
        x = x[:, None]
    if x.ndim != 2 or len(x) < minimum or x.shape[1] < 1:
        raise ValueError(f"{name}: expected shape (n, d) with n >= {minimum} and d >= 1, got {tuple(x.shape)}")
    return x.contiguous()  # sums over samples round alike whatever the container


def as_numbers(x, name: str) -> Tensor:
    """Return `x` as finite float64 numbers of any shape.

    Raises:
        ValueError: As `as_tensor`; also on complex numbers, NaN, infinity and whole numbers beyond 2**53 that would be rounded.
    """
    x = as_tensor(x, name)
    if x.is_complex():
        raise ValueError(f"{name}: expected real numbers, got {x.dtype}")
    values = x.to(torch.float64)
    if x.dtype in (torch.int64, torch.uint64) and x.numel() and values.abs().max() >= EXACT:
        _refuse_rounded(values.to(x.dtype) != x, x, name)
    return finite(values, name)


def finite(x: Tensor, name: str) -> Tensor:
    """Return `x`, which must hold neither NaN nor infinity."""
    if not torch.isfinite(x.detach().sum()) and not torch.isfinite(x.detach()).all():  # a sum is one cheap pass
        where = _first(~torch.isfinite(x.detach()))
        raise ValueError(f"{name}: expected finite numbers, got {x[where].item()} at index {where}")
    return x


def as_labels(labels, n: int, device, name: str = "labels") -> Tensor:
    """Return class numbers 0..C-1 (n,), int64, in sorted order of any one-dimensional labels: numbers, text, categories.

    Raises:
        ValueError: On another shape, missing labels, or labels that cannot be sorted among each other.
    """
    if not isinstance(labels, Tensor):
        labels = as_array(labels, name)
    if tuple(labels.shape) != (n,):
        raise ValueError(f"{name}: expected shape ({n},), one label a sample, got {tuple(labels.shape)}")
    if isinstance(labels, Tensor):
        if labels.is_floating_point():
            finite(labels, name)
        labels = labels.long() if labels.dtype in (torch.uint16, torch.uint32) else labels  # torch sorts neither
        return torch.unique(labels.to(device), return_inverse=True)[1]
    missing = _missing(labels)
    if missing.any():
        where = int(missing.argmax())
        raise ValueError(f"{name}: expected a label for every sample, got {labels[where]!r} at index {where}")
    try:
        classes = np.unique(labels, return_inverse=True)[1]
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise ValueError(f"{name}: expected labels of one type, got {kinds}; turn them into text") from None
    return torch.as_tensor(classes.reshape(n), device=device)


def continuous(labels: np.ndarray) -> bool:
    """Whether labels are continuous targets: floating-point numbers of which some have fractions; all others are classes."""
    if labels.dtype.kind != "f":
        return False
    known = labels[np.isfinite(labels)]
    return bool((known != np.round(known)).any())


def positive(value, name: str) -> float:
    """Return `value` as a float, which must be finite and above 0."""
    value = number(value, name)
    if not 0.0 < value < float("inf"):
        raise ValueError(f"{name}: expected a finite number > 0, got {value}")
    return value


def counting(value, name: str, minimum: int = 1, maximum: int | None = None) -> int:
    """Return `value` as an int, which must lie in [minimum, maximum]."""
    value = number(value, name)
    if value != value // 1 or value < minimum or (maximum is not None and value > maximum):
        upper = "" if maximum is None else f" and <= {maximum}"
        raise ValueError(f"{name}: expected an integer >= {minimum}{upper}, got {value:g}")
    return int(value)


def number(value, name: str) -> float:
    """Return a number of Python, numpy or torch as a float."""
    if is_number(value):
        return float(value)
    raise ValueError(f"{name}: expected a number, got {value!r}")


def is_number(value) -> bool:
    """Whether `value` is one real number, of Python, numpy or torch."""
    if isinstance(value, Tensor | np.ndarray):
        return value.ndim == 0 and (value.dtype not in (torch.complex64, torch.complex128))
    return isinstance(value, numbers.Real | np.number | np.bool_ | Decimal) and not isinstance(
        value, np.complexfloating
    )


def choice(value: str, name: str, allowed: tuple[str, ...]) -> str:
    """Return `value`, which must be one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(map(str, allowed))}, got {value!r}")
    return value


def need_generator(generator: torch.Generator | None, where: str) -> torch.Generator:
    """Return `generator`; the global random state is never used."""
    if generator is None:
        raise ValueError(f"{where}: expected generator=torch.Generator(...), because this draws samples")
    return generator


def as_array(x, name: str) -> np.ndarray | Tensor:
    """Return what is no tensor as an array of any type, a list of tensors as their stack.

    Raises:
        ValueError: On missing or masked values, or rows of different lengths.
    """
    if isinstance(x, np.ma.MaskedArray):
        if np.ma.is_masked(x):
            where = _first(np.ma.getmaskarray(x))
            raise ValueError(f"{name}: expected no masked values, got one at index {where}; fill or drop them")
        return x.data
    if type(x).__module__.partition(".")[0] == "pandas" and hasattr(x, "isna"):
        missing = np.asarray(x.isna())
        if missing.any():
            raise ValueError(
                f"{name}: expected no missing values, got one at index {_first(missing)}; fill or drop them"
            )
        return np.asarray(x.to_numpy())
    try:
        if isinstance(x, list | tuple) and any(isinstance(row, Tensor) for row in x):
            return torch.stack([as_tensor(row, name) for row in x])
        return np.asarray(x)
    except (ValueError, RuntimeError, TypeError) as error:
        raise ValueError(f"{name}: expected numbers in rows of one length ({error})") from None


def _native(array: np.ndarray, name: str) -> np.ndarray:
    """Return numbers of any kind in a type and byte order that torch knows."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "O":
        return _of_objects(array, name)
    if kind not in "biufc":
        got = array.flat[0] if array.size else array.dtype
        raise ValueError(f"{name}: expected numbers, got {got!r} at index {(0,) * array.ndim}")
    if kind == "u" and size == 8 and array.size and array.max() > np.iinfo(np.int64).max:
        rounded = array.astype(np.float64)
        _refuse_rounded(rounded.astype(np.float128 if hasattr(np, "float128") else np.float64) != array, array, name)
        return rounded
    if kind == "u" and size > 1:
        return array.astype(np.int64)
    if kind == "f" and size > 8:
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _of_objects(array: np.ndarray, name: str) -> np.ndarray:
    """Return an array of Python numbers as float64."""
    for where, value in np.ndenumerate(array):
        if not is_number(value):
            raise ValueError(f"{name}: expected numbers, got {value!r} at index {where}")
    rounded = array.astype(np.float64)
    whole = np.array([isinstance(value, numbers.Integral) for value in array.flat], dtype=bool).reshape(array.shape)
    _refuse_rounded(whole & (rounded != array), array, name)
    return rounded


def _missing(labels: np.ndarray) -> np.ndarray:
    """Return which labels are NaN, NaT, None or NA."""
    if labels.dtype.kind in "fc":
        return ~np.isfinite(labels)
    if labels.dtype.kind in "mM":
        return np.isnat(labels)
    if labels.dtype.kind != "O":
        return np.zeros(len(labels), dtype=bool)
    return np.array([_is_missing(label) for label in labels], dtype=bool)


def _is_missing(label) -> bool:
    try:
        return label is None or bool(label != label)  # NaN differs from itself
    except TypeError:  # pandas' NA is neither
        return True


def _refuse_rounded(rounded, values, name: str) -> None:
    if rounded.any():
        where = _first(rounded)
        raise ValueError(
            f"{name}: {values[where]} at index {where} is a whole number beyond 2**53 that float64 would round; "
            "subtract an offset first"
        )


def _first(mask) -> tuple[int, ...]:
    """Return the first index at which a mask is true."""
    mask = np.asarray(mask.cpu() if isinstance(mask, Tensor) else mask)
    return tuple(int(i) for i in np.argwhere(mask)[0])
