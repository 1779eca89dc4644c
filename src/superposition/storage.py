"""Tensors in safetensors, tables in Parquet: nothing is pickled or half-written, and every table obeys its schema."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:
    from torch import Tensor  # torch takes a second to import, and steps that only read tables need none of it

COLUMN_TYPES = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "list<bool>": pa.list_(pa.bool_()),
    "list<float32>": pa.list_(pa.float32()),
    "list<float64>": pa.list_(pa.float64()),
}

# What pandas may find in a column of a type. Arrow alone would read the text "1" as a number and True as 1.
NUMBERS = ("integer", "floating", "mixed-integer-float", "empty")
ALLOWED_KINDS = {"string": ("string", "empty"), "bool": ("boolean", "empty")}


class StorageError(ValueError):
    """A file that cannot be read, or a table that breaks its schema; one line that names the file."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path near `path` that becomes `path` in one step if the block ends well, and vanishes if not.

    It lies in a folder of its own, because safetensors writes to a further temporary file beside what it is given. A
    process killed in the block leaves that hidden folder, in which readers of `*.parquet` find no table.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    temporary = folder / "content"
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # safetensors makes files that are closed to others
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def save_tensors(tensors: "dict[str, Tensor]", path: str | Path, metadata: dict | None = None) -> None:
    """StorageError if the system refuses to write, as when the disk is full."""
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        try:
            save_file(tensors, temporary, metadata={"provenance": json.dumps(metadata or {}, sort_keys=True)})
        except SafetensorError as error:
            raise StorageError(f"{path}: cannot be written ({error})") from error


def load_tensors(path: str | Path) -> "dict[str, Tensor]":
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise StorageError(f"{path}: not a readable safetensors file ({error}); delete it and run again") from error


def load_provenance(path: str | Path) -> dict[str, str]:
    """The metadata that `save_tensors` was given; StorageError if the file cannot be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads((file.metadata() or {}).get("provenance", "{}"))
    except (SafetensorError, OSError) as error:
        raise StorageError(f"{path}: not a readable safetensors file ({error}); delete it and run again") from error


def save_table(frame: pd.DataFrame, path: str | Path, schema: dict, metadata: dict | None = None) -> None:
    """Write `frame` as Parquet after holding it against `schema`.

    Args:
        schema: {"table": name, "key": [column, ...], "columns": {column: {"type": one of COLUMN_TYPES, "nullable":
            bool}}}; the columns are written in the schema's order, rows in the frame's. NaN in a float column counts as
            null; infinities are refused.
    """
    with atomic_path(path) as temporary:
        table = check_table(frame, schema, where=str(path))
        described = {"table": schema["table"], "provenance": json.dumps(metadata or {}, sort_keys=True)}
        pq.write_table(table.replace_schema_metadata(described), temporary, compression="zstd")


def check_table(frame: pd.DataFrame, schema: dict, where: str) -> pa.Table:
    """`frame` as an Arrow table of exactly the schema's columns and types; StorageError on anything else."""
    columns = schema["columns"]
    missing, extra = sorted(set(columns) - set(frame)), sorted(set(frame) - set(columns))
    if missing or extra:
        raise StorageError(f"{where}: columns missing {missing}, columns not in the schema {extra}")
    arrays = []
    for name, column in columns.items():
        try:
            array = _to_array(frame[name], column["type"])
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
            raise StorageError(f"{where}: column {name} is not {column['type']} ({error})") from error
        if array.null_count and not column.get("nullable", False):
            raise StorageError(f"{where}: column {name} has {array.null_count} undefined values and may have none")
        if _has_infinity(array):
            raise StorageError(f"{where}: column {name} has infinite values and may have none")
        arrays.append(array)
    duplicated = frame.duplicated(schema["key"])
    if duplicated.any():
        row = frame.loc[duplicated, schema["key"]].iloc[0].to_dict()
        raise StorageError(f"{where}: {int(duplicated.sum())} rows repeat a key, the first is {row}")
    return pa.table(arrays, names=list(columns))


def _to_array(values: pd.Series, type_name: str) -> pa.Array:
    kind = pd.api.types.infer_dtype(values)
    if not type_name.startswith("list") and kind not in ALLOWED_KINDS.get(type_name, NUMBERS):
        raise pa.ArrowTypeError(f"its values are {kind}")
    if values.empty:  # whose dtype says nothing of what it would hold
        return pa.array([], type=COLUMN_TYPES[type_name])
    return pa.Array.from_pandas(values, type=COLUMN_TYPES[type_name], safe=True)


def _has_infinity(array: pa.Array) -> bool:
    values = array.flatten() if pa.types.is_list(array.type) else array
    return pa.types.is_floating(values.type) and bool(pc.any(pc.is_inf(values)).as_py())


def load_table(path: str | Path, name: str) -> pd.DataFrame:
    """The rows of a file of the table called `name`; StorageError if it cannot be read or is no such file."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise StorageError(f"{path}: not a readable Parquet file ({error}); delete it and run again") from error
    found = (table.schema.metadata or {}).get(b"table", b"unknown").decode()
    if found != name:
        raise StorageError(f"{path}: holds the table {found!r} where {name!r} belongs; delete it and run again")
    return table.to_pandas()


def load_tables(paths: list[str] | list[Path], name: str) -> pd.DataFrame:
    """The rows of several files of the table called `name`, in the order of `paths`."""
    return pd.concat([load_table(path, name) for path in paths], ignore_index=True)
