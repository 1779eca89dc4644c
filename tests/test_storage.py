"""Tensors and tables: what is saved comes back, and what breaks a schema is refused by name."""

import json
import os
import pickle

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from sample_table import SCHEMA, frame

from superposition.storage import (
    COLUMN_TYPES,
    StorageError,
    load_table,
    load_tables,
    load_tensors,
    save_table,
    save_tensors,
)

# Tensors


def tensors():
    return {
        "W": torch.arange(6, dtype=torch.float32).view(2, 3).T,  # not contiguous
        "flags": torch.tensor([True, False]),
        "index": torch.tensor([1, -1], dtype=torch.int32),
        "count": torch.tensor(7),
        "double": torch.tensor([0.1], dtype=torch.float64),
        "empty": torch.zeros(0, 4),
        "trained": torch.ones(2, requires_grad=True),
    }


def test_tensors_come_back_as_they_were(tmp_path):
    path = tmp_path / "new" / "folder" / "weights.safetensors"
    save_tensors(tensors(), path, {"commit": "abc", "config": "def"})
    loaded = load_tensors(path)
    assert loaded.keys() == tensors().keys()
    for name, tensor in tensors().items():
        torch.testing.assert_close(loaded[name], tensor.detach(), rtol=0, atol=0)
        assert loaded[name].dtype == tensor.dtype
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["provenance"]) == {"commit": "abc", "config": "def"}


def test_same_tensors_give_same_bytes(tmp_path):
    save_tensors(tensors(), tmp_path / "a.safetensors", {"commit": "abc", "config": "def"})
    reordered = dict(reversed(tensors().items()))
    save_tensors(reordered, tmp_path / "b.safetensors", {"config": "def", "commit": "abc"})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_pickles_are_refused_unopened(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    (tmp_path / "weights.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(StorageError, match=r"weights\.safetensors"):
        load_tensors(tmp_path / "weights.safetensors")
    assert not (tmp_path / "sprung").exists()


# Tables


def test_table_comes_back_as_it_was(tmp_path):
    path = tmp_path / "table.parquet"
    columns = list(SCHEMA["columns"])
    save_table(frame()[columns[::-1]].set_axis([7, 7, 7]), path, SCHEMA, {"commit": "abc"})
    loaded = load_table(path, "samples")
    assert list(loaded) == columns  # the schema's order, whatever the frame's
    assert loaded["index"].tolist() == [2, 1, 2]  # rows stay in the frame's
    assert loaded["seed"].tolist() == [0, 2**40, 1]
    assert loaded["value"].tolist() == [0.1, -1e-300, 1e300]
    np.testing.assert_array_equal(loaded["maybe"], [0.1, np.nan, 0.3])
    np.testing.assert_array_equal(loaded["match"], [0, np.nan, 4])
    np.testing.assert_array_equal(loaded["direction"][0], np.float32([1, 0.5]))
    assert loaded["weights"][0] is None
    assert loaded["weights"][1].tolist() == [0.1]
    schema = pq.read_schema(path)
    assert {name: schema.field(name).type for name in columns} == {
        name: COLUMN_TYPES[column["type"]] for name, column in SCHEMA["columns"].items()
    }
    assert schema.metadata == {b"table": b"samples", b"provenance": b'{"commit": "abc"}'}


def test_same_table_gives_same_bytes(tmp_path):
    for name in "ab":
        save_table(frame(), tmp_path / f"{name}.parquet", SCHEMA)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_empty_table_keeps_its_types(tmp_path):
    save_table(frame().head(0), tmp_path / "table.parquet", SCHEMA)
    loaded = load_table(tmp_path / "table.parquet", "samples")
    assert len(loaded) == 0
    assert loaded["seed"].dtype == np.int64


VIOLATIONS = {
    "text as a number": ("index", ["1", "2", "3"]),
    "truth as a number": ("index", [True, False, True]),
    "fraction as an integer": ("index", [1.5, 2, 3]),
    "more than 32 bits": ("index", [1, 2, 2**31]),
    "more than 64 bits": ("seed", pd.Series([1, 2, 2**70], dtype=object)),
    "number as text": ("name", [1, 2, 3]),
    "number as truth": ("flag", [1, 0, 1]),
    "list as a number": ("value", [[1.0], [2.0], [3.0]]),
    "number as a list": ("direction", [1.0, 2.0, 3.0]),
    "list of texts": ("direction", [["a"], ["b"], ["c"]]),
    "undefined number": ("value", [0.1, np.nan, 0.3]),
    "undefined integer": ("index", pd.array([1, None, 3], dtype="Int32")),
    "undefined text": ("name", ["a", None, "b"]),
    "undefined truth": ("flag", pd.Series([True, None, True], dtype=object)),
    "undefined list": ("direction", [[1.0], None, [1.0]]),
    "infinity": ("value", [0.1, np.inf, 0.3]),
    "infinity where NaN may be": ("maybe", [0.1, -np.inf, np.nan]),
    "infinity in a list": ("direction", [[1.0], [np.inf], [1.0]]),
}


@pytest.mark.parametrize(("column", "values"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_violation_names_file_and_column(tmp_path, column, values):
    path = tmp_path / "table.parquet"
    with pytest.raises(StorageError, match=rf"^{path}: column {column} "):
        save_table(frame(**{column: values}), path, SCHEMA)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "missing", "extra"),
    [
        (frame().drop(columns="loss"), r"\['loss'\]", r"\[\]"),
        (frame().assign(lost=1), r"\[\]", r"\['lost'\]"),
        (frame().rename(columns={"loss": "lost"}), r"\['loss'\]", r"\['lost'\]"),
    ],
)
def test_missing_and_extra_columns_are_named(tmp_path, changed, missing, extra):
    message = rf"^{tmp_path}/t\.parquet: columns missing {missing}, columns not in the schema {extra}$"
    with pytest.raises(StorageError, match=message):
        save_table(changed, tmp_path / "t.parquet", SCHEMA)


def test_repeated_key_is_named(tmp_path):
    with pytest.raises(StorageError, match=rf"^{tmp_path}/t\.parquet: 1 rows.*'name': 'a', 'index': 2"):
        save_table(frame(name=["a", "b", "a"], index=[2, 2, 2]), tmp_path / "t.parquet", SCHEMA)


def test_tables_are_joined_in_the_order_asked_for(tmp_path):
    for seed in (0, 1):
        save_table(frame(seed=[seed] * 3), tmp_path / f"{seed}.parquet", SCHEMA)
    joined = load_tables([tmp_path / "1.parquet", tmp_path / "0.parquet"], "samples")
    assert joined["seed"].tolist() == [1, 1, 1, 0, 0, 0]
    assert joined.index.tolist() == list(range(6))


def test_a_file_of_another_table_is_named(tmp_path):
    path = tmp_path / "0.parquet"
    save_table(frame(), path, SCHEMA)
    with pytest.raises(StorageError, match=f"^{path}: holds the table 'samples' where 'models' belongs"):
        load_tables([path], "models")
    frame().drop(columns="match").to_parquet(path)
    with pytest.raises(StorageError, match=f"^{path}: holds the table 'unknown' where 'samples' belongs"):
        load_table(path, "samples")
