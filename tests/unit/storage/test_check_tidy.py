"""The schema of the table of estimates: a table that does not fit is refused before it is written."""

import re

import numpy as np
import pandas as pd
import pytest
from factories import estimate_group, estimate_job

from infoflow.estimation import binning, stage
from infoflow.estimation.rows import table as tidy_table
from infoflow.storage.tables import COLUMNS, KEY, NAMES, check_tidy, read_table, tidy, write_table

MODEL = {"kind": "mlp", "layers": [2, 2], "activations": ["tanh"]}
ROWS = [
    {"seed": seed, "epoch": epoch, "layer": "T1", "depth": 1, "quantity": quantity, "value": 0.5}
    for seed in (0, 1)
    for epoch in (0, 10)
    for quantity in ("I_XT", "I_TY")
]


def made(by_update=False, **axes):
    names = {"experiment": "one", "point": "base", "variant": "corrected"}
    return tidy(ROWS, estimator="binned", names=names, axes=axes, by_update=by_update)


@pytest.mark.parametrize("axes", [{}, {"model.noise_std": 0.1}, {"training.labels": "task", "first_seed": 5}])
@pytest.mark.parametrize("by_update", [False, True])
def test_what_tidy_makes_passes(axes, by_update, tmp_path):
    table = made(by_update, **axes)
    check_tidy(table)
    assert list(table) == [*NAMES, *(axis.rsplit(".", 1)[-1] for axis in axes), *COLUMNS]
    assert str(table["epoch"].dtype) == ("float64" if by_update else "int32")
    write_table(tmp_path / "table.parquet", table)
    check_tidy(read_table(tmp_path / "table.parquet"))


@pytest.mark.parametrize("column", [*NAMES, *COLUMNS])
def test_a_missing_column_is_refused(column):
    with pytest.raises(ValueError, match=r"^columns \["):
        check_tidy(made().drop(columns=column))


def test_columns_in_another_order_are_refused():
    table = made()
    swapped = list(table)
    swapped[-1], swapped[-2] = swapped[-2], swapped[-1]
    with pytest.raises(ValueError, match=r"^columns \["):
        check_tidy(table[swapped])


def test_a_further_column_after_the_others_is_refused():
    with pytest.raises(ValueError, match=r"^columns \["):
        check_tidy(made().assign(more=1.0))


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("seed", "int64"), ("epoch", "int64"), ("depth", "float64"), ("value", "float32"), ("value", "str"),
        ("std_error", "int32"), ("step", "int32"), ("n", "float64"), ("quantity", "category"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_refused(column, kind):
    table = made()
    table["step"] = table["step"].fillna(0)
    table["n"] = table["n"].fillna(0)
    check_tidy(table)
    with pytest.raises(ValueError, match=f"^column {column} is "):
        check_tidy(table.astype({column: kind}))


@pytest.mark.parametrize("column", [name for name in KEY if COLUMNS[name] == "str"])
def test_a_missing_key_is_refused(column):
    table = made()
    table.loc[3, column] = None
    with pytest.raises(ValueError, match=f"^a row lacks one of .*{column}"):
        check_tidy(table)


def test_a_missing_epoch_is_refused():
    table = made(by_update=True)
    table.loc[3, "epoch"] = np.nan
    with pytest.raises(ValueError, match="^a row lacks one of .*epoch"):
        check_tidy(table)


def test_two_rows_with_one_key_are_refused():
    table = made()
    twice = pd.concat([table, table.tail(1).assign(value=0.25)], ignore_index=True)
    with pytest.raises(ValueError, match=r"^two rows have the same key: .*'epoch': 10.*'quantity': 'I_TY'"):
        check_tidy(twice)


@pytest.mark.parametrize(("column", "other"), [("settings", '{"width":2}'), ("kind", "lower"), ("part", "channel:0")])
def test_rows_that_differ_in_a_part_of_the_key_stay(column, other):
    table = made()
    check_tidy(pd.concat([table, table.assign(**{column: other})], ignore_index=True))


def test_points_of_a_stack_may_have_the_same_rows():
    both = pd.concat([made(first_seed=0), made(first_seed=5)], ignore_index=True)
    check_tidy(both)
    with pytest.raises(ValueError, match="^two rows have the same key"):
        check_tidy(both.assign(first_seed=0))


def test_unknown_columns_do_not_enter_a_table():
    with pytest.raises(ValueError, match=re.escape("unknown columns ['mood']")):
        tidy([ROWS[0] | {"mood": 1}], estimator="e", names=dict.fromkeys(NAMES, ""), axes={})


def test_the_stage_writes_no_table_that_does_not_fit(tmp_path, monkeypatch):
    job = estimate_job({"kind": "binning", "widths": [0.1]}, MODEL)
    group, output = estimate_group(job), str(tmp_path / "table.parquet")
    for name in ("Probe", "open_recording"):
        monkeypatch.setattr(stage, name, lambda *given: None)
    inputs = {"dataset": [""]}
    monkeypatch.setattr(binning, "estimate", lambda job, recordings: tidy_table(job, ROWS))
    stage.run(group, inputs, [output])
    assert len(read_table(output)) == len(ROWS)
    monkeypatch.setattr(binning, "estimate", lambda job, recordings: tidy_table(job, [*ROWS, ROWS[0]]))
    with pytest.raises(ValueError, match="same key"):
        stage.run(group, inputs, [str(tmp_path / "other.parquet")])
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]
