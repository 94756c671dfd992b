"""One battery of checks for every estimator, ours or a user's own: what it is given as people have it, and what it answers."""

import functools
import inspect
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from infoflow.estimators._common import Estimate
from infoflow.estimators._guards import EstimatorWarning

N = 60  # samples of a check
CLASSES = 3
CLOSE = 1e-7  # relative difference that another order of summation may make
SCALES = (1e-30, 1e-10, 1e10, 1e30)
SECONDS = ("labels", "samples", None)


class Result(NamedTuple):
    """What came of one check: "" where it passed, else what was wrong."""

    check: str
    fault: str


class Answer(NamedTuple):
    """What an estimator returned, by name, with its own standard error; and whether it warned."""

    values: dict[str, float]
    error: float
    warned: bool


def check(
    estimator: Callable[..., Any], *, second: str | None = "", units: int = 2, strict: bool = True
) -> list[Result]:
    """Hold an estimator against the battery.

    It must return a number, a 0-d tensor, an `Estimate` or a dictionary or named tuple of these; the same for the same input,
    for samples in another order, for numbers of another type or container and labels under other names; it must refuse, by a
    ValueError, what holds no numbers, is missing, empty or of unequal length; for constant, repeated, single and very large or
    small samples it must give a number or a warning; and it must leave its input and the global random state alone.

    Args:
        estimator: f(samples), f(samples, labels) or f(samples, samples); give options by `functools.partial`.
        second: "labels", "samples" or None for the second argument; by default as its name tells.
        units: Columns of the samples.
        strict: Raise where a check fails.

    Returns:
        A `Result` for every check.

    Raises:
        AssertionError: Where checks fail, with all of them, if `strict`.
        ValueError: Where `second` is unknown.
    """
    second = _second(estimator) if second == "" else second
    if second not in SECONDS:
        raise ValueError(f"second: expected one of {SECONDS}, got {second!r}")
    case = Case(estimator, second, units)
    results = [Result(one.__name__.replace("_", " "), "; ".join(one(case))) for one in CHECKS]
    failed = [f"{result.check}: {result.fault}" for result in results if result.fault]
    if failed and strict:
        raise AssertionError(f"{len(failed)} of {len(results)} checks failed\n" + "\n".join(failed))
    return results


class Case:
    """An estimator and the samples that it is tried on."""

    def __init__(self, estimator: Callable[..., Any], second: str | None, units: int) -> None:
        self.estimator, self.second = estimator, second
        generator = torch.Generator().manual_seed(1)
        whole = torch.randint(-20, 21, (N, units), generator=generator)
        self.x = whole.to(torch.float64) + 0.5 * torch.rand(N, units, generator=generator, dtype=torch.float64)
        self.whole = whole
        self.labels = torch.arange(N) % CLASSES
        self.y = self.x.flip(0) + 0.25 * self.x

    def other(self) -> Any:
        """The second argument."""
        return {"labels": self.labels, "samples": self.y, None: None}[self.second]

    def ask(self, x: Any, other: Any = None) -> Answer:
        """Call the estimator, and read what it returns."""
        other = self.other() if other is None else other
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = self.estimator(x) if self.second is None else self.estimator(x, other)
        error = float(result.std_error) if isinstance(result, Estimate) else 0.0
        if isinstance(result, Estimate):
            result = result.value
        if hasattr(result, "_asdict"):
            result = result._asdict()
        values = result if isinstance(result, dict) else {"value": result}
        warned = any(issubclass(one.category, EstimatorWarning) for one in caught)
        plain = {
            name: value.item() if isinstance(value, torch.Tensor) else float(value) for name, value in values.items()
        }
        return Answer(plain, error, warned)

    @functools.cached_property
    def reference(self) -> Answer:
        """What it makes of the plain case."""
        return self.ask(self.x)

    def differs(self, what: str, answer: Answer, reference: Answer | None = None) -> Iterator[str]:
        """Say where an answer is not that of the plain case."""
        reference = reference or self.reference
        for name, value in reference.values.items():
            near = CLOSE * max(1.0, abs(value)) + 6 * max(reference.error, answer.error)
            if not (
                abs(answer.values[name] - value) <= near
                or answer.values[name] == value
                or _both_nan(answer.values[name], value)
            ):
                yield f"{what}: {name} {answer.values[name]:.6g} in place of {value:.6g}"

    def tries(self, what: str, x: Any, other: Any = None, reference: Answer | None = None) -> Iterator[str]:
        """Say where an input is not understood as the plain case is."""
        try:
            yield from self.differs(what, self.ask(x, other), reference)
        except Exception as error:  # whatever it raises is a fault here
            yield f"{what}: {type(error).__name__}: {error}"

    def refuses(self, what: str, x: Any, other: Any = None) -> Iterator[str]:
        """Say where an input is not refused by a ValueError."""
        try:
            answer = self.ask(x, other)
        except ValueError:
            return
        except Exception as error:
            yield f"{what}: {type(error).__name__} in place of ValueError: {error}"
        else:
            yield f"{what}: {answer.values} in place of a ValueError"

    def answers(self, what: str, x: Any, other: Any = None) -> Iterator[str]:
        """Say where an input gives neither a number, nor a warning, nor a ValueError."""
        try:
            answer = self.ask(x, other)
        except ValueError:
            return
        except Exception as error:
            yield f"{what}: {type(error).__name__}: {error}"
            return
        if not answer.warned and not all(map(math.isfinite, answer.values.values())):
            yield f"{what}: {answer.values} without a warning"


def returns_finite_numbers(case: Case) -> Iterator[str]:
    """The plain case."""
    try:
        answer = case.reference
    except Exception as error:
        yield f"{type(error).__name__}: {error}"
        return
    if not answer.values or not all(map(math.isfinite, answer.values.values())):
        yield f"{answer.values}"


def repeats_itself(case: Case) -> Iterator[str]:
    """Twice the same input."""
    again = case.ask(case.x)
    if not all(again.values[k] == v or _both_nan(again.values[k], v) for k, v in case.reference.values.items()):
        yield f"{again.values} after {case.reference.values}"


def leaves_its_input_and_the_random_state_alone(case: Case) -> Iterator[str]:
    """Input and global random numbers before and after."""
    x, state, numpy_state = case.x.clone(), torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    other = None if case.second is None else case.other().clone()
    case.ask(x, other)
    if not torch.equal(x, case.x) or (other is not None and not torch.equal(other, case.other())):
        yield "the input was changed"
    if not torch.equal(state, torch.random.get_rng_state()) or not (numpy_state == np.random.get_state()[1]).all():  # noqa: NPY002
        yield "global random numbers were drawn"


def does_not_mind_the_order(case: Case) -> Iterator[str]:
    """Samples in another order."""
    order = torch.randperm(N, generator=torch.Generator().manual_seed(2))
    yield from case.tries("another order", case.x[order], None if case.second is None else case.other()[order])


def takes_numbers_of_any_kind(case: Case) -> Iterator[str]:
    """Types and containers of samples."""
    import pandas as pd  # here: estimators need not wait for it

    array = case.x.numpy()
    same = {
        "numpy": array, "Fortran order": np.asfortranarray(array), "negative strides": array[::-1].copy()[::-1],
        "big-endian": array.astype(">f8"), "longdouble": array.astype(np.longdouble), "read-only": _read_only(array),
        "objects": array.astype(object), "nested lists": array.tolist(), "a list of rows": list(case.x),
        "a masked array": np.ma.masked_array(array, mask=np.zeros_like(array, dtype=bool)),
        "a pandas frame": pd.DataFrame(array), "a nullable frame": pd.DataFrame(array).astype("Float64"),
        "a gradient": case.x.clone().requires_grad_(),
    }  # fmt: skip
    for what, x in same.items():
        yield from case.tries(what, x)
    single = case.x.float()
    yield from case.tries("float32", single, reference=case.ask(single.double()))
    whole = case.ask(case.whole.double())
    for what, x in {
        "int64": case.whole, "int32": case.whole.int(), "numpy int16": case.whole.numpy().astype(np.int16),
        "a nullable Int64 frame": pd.DataFrame(case.whole.numpy()).astype("Int64"),
    }.items():  # fmt: skip
        yield from case.tries(what, x, reference=whole)
    yield from case.tries("bool", case.whole > 0, reference=case.ask((case.whole > 0).double()))
    counts = case.whole + 20
    for kind in (np.uint8, np.uint16, np.uint32, np.uint64):
        yield from case.tries(kind.__name__, counts.numpy().astype(kind), reference=case.ask(counts.double()))


def takes_labels_of_any_kind(case: Case) -> Iterator[str]:
    """Types, containers and names of labels."""
    import pandas as pd

    if case.second != "labels":
        return
    labels = case.labels.numpy()
    names = np.array(["b", "a", "c"])[labels]
    for what, other in {
        "numpy": labels, "other numbers": 7 - 3 * labels, "floats": labels.astype(float), "int8": labels.astype(np.int8), "uint64": labels.astype(np.uint64),
        "big-endian": labels.astype(">i4"), "text": names, "a list of text": names.tolist(), "objects": names.astype(object),
        "a series of text": pd.Series(names), "categories": pd.Categorical(names), "nullable integers": pd.array(labels, dtype="Int64"),
        "dates": np.datetime64("2020-01-01") + labels, "a list": labels.tolist(),
    }.items():  # fmt: skip
        yield from case.tries(f"labels as {what}", case.x, other)


def refuses_what_is_no_number(case: Case) -> Iterator[str]:
    """NaN, infinity, missing, masked, text, complex."""
    import pandas as pd  # here: estimators need not wait for it

    array = case.x.numpy()
    for what, value in {"NaN": math.nan, "infinity": math.inf}.items():
        bad = array.copy()
        bad[3, -1] = value
        yield from case.refuses(what, bad)
    mask = np.zeros_like(array, dtype=bool)
    mask[3, -1] = True
    frame = pd.DataFrame(array).astype("Float64")
    frame.iloc[3, -1] = pd.NA
    yield from case.refuses("a masked value", np.ma.masked_array(array, mask=mask))
    yield from case.refuses("a missing value", frame)
    yield from case.refuses("text", array.astype(str))
    yield from case.refuses("None", np.where(mask, None, array))
    yield from case.refuses("complex numbers", array + 1j)
    yield from case.refuses("whole numbers beyond 2**53", case.whole + 2**53 + 1)


def refuses_bad_shapes(case: Case) -> Iterator[str]:
    """Nothing, rows of unequal length, unequal numbers of samples, bad labels."""
    yield from case.refuses("no samples", case.x[:0], None if case.second is None else case.other()[:0])
    yield from case.refuses("rows of unequal length", [[1.0, 2.0], [3.0]] * (N // 2))
    if case.second is None:
        return
    yield from case.refuses("unequal numbers of samples", case.x, case.other()[:-1])
    if case.second == "labels":
        yield from case.refuses("one-hot labels", case.x, torch.nn.functional.one_hot(case.labels))
        names = np.array(["b", "a", "c"], dtype=object)[case.labels.numpy()]
        names[3] = None
        yield from case.refuses("a missing label", case.x, names)
        yield from case.refuses("NaN among labels", case.x, torch.where(case.labels == 0, math.nan, 1.0))


def answers_for_special_samples(case: Case) -> Iterator[str]:
    """Constant, repeated, single, very large and very small samples."""
    for what, x in {
        "constant samples": torch.full_like(case.x, 3.7), "two distinct samples": (case.whole > 0).double(),
        "ReLU": case.x.clamp(min=0), "one large sample": torch.cat([case.x[:-1], torch.full_like(case.x[-1:], 1e30)]),
    }.items():  # fmt: skip
        yield from case.answers(what, x)
    for scale in SCALES:
        yield from case.answers(f"samples times {scale:g}", scale * case.x)
    yield from case.answers("one sample", case.x[:1], None if case.second is None else case.other()[:1])
    yield from case.answers("two samples", case.x[:2], None if case.second is None else case.other()[:2])
    if case.second == "labels":
        yield from case.answers("one class", case.x, torch.zeros(N, dtype=torch.int64))
        yield from case.answers("a class a sample", case.x, torch.arange(N))
    if case.second == "samples":
        yield from case.answers("a constant second variable", case.x, torch.zeros_like(case.y))
        yield from case.answers("a variable with itself", case.x, case.x)


def gives_constants_no_information(case: Case) -> Iterator[str]:
    """A constant variable tells nothing of another."""
    if case.second is None:
        return
    try:
        answer = case.ask(torch.full_like(case.x, 3.7))
    except ValueError:
        return
    if not answer.warned and any(abs(value) > CLOSE for value in answer.values.values() if not math.isnan(value)):
        yield f"{answer.values} without a warning"


CHECKS = (
    returns_finite_numbers,
    repeats_itself,
    leaves_its_input_and_the_random_state_alone,
    does_not_mind_the_order,
    takes_numbers_of_any_kind,
    takes_labels_of_any_kind,
    refuses_what_is_no_number,
    refuses_bad_shapes,
    answers_for_special_samples,
    gives_constants_no_information,
)


def _second(estimator: Callable[..., Any]) -> str | None:
    """Tell from the names of an estimator's positional arguments what the second of them is."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(estimator).parameters.values()
    needed = [p.name for p in parameters if p.kind in positional and p.default is inspect.Parameter.empty]
    if len(needed) < 2:
        return None
    return "labels" if "label" in needed[1] else "samples"


def _both_nan(a: float, b: float) -> bool:
    return math.isnan(a) and math.isnan(b)


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy
