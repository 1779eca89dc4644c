"""What a long job has done so far, kept in a file, so that the job goes on from there when it was killed."""

from pathlib import Path
from typing import TYPE_CHECKING

from superposition.progress import Interval
from superposition.storage import StorageError, load_provenance, load_tensors, save_tensors

if TYPE_CHECKING:
    from torch import Tensor

SECONDS = 30.0  # between two copies: what a killed job loses at most


class Checkpoint:
    """A file that holds the state of one job, the hash of the specification (configuration, code, seed) of the job, and
    the kind of device it ran on.

    What another specification or kind of device left there is never gone on from, nor is a file that cannot be read:
    the job then starts from its beginning.
    """

    def __init__(self, path: str | Path, specification: str, device: str = "cpu", seconds: float = SECONDS):
        self.path = Path(path)
        self.origin = {"specification": specification, "device": device.partition(":")[0]}
        self.interval = Interval(seconds)

    def load(self) -> "dict[str, Tensor]":
        """The tensors last kept; empty if there are none of this specification."""
        if not self.path.exists():
            return {}
        try:
            return load_tensors(self.path) if load_provenance(self.path) == self.origin else {}
        except StorageError:
            return {}

    def is_due(self) -> bool:
        return self.interval.has_passed()

    def save(self, tensors: "dict[str, Tensor]") -> None:
        save_tensors(tensors, self.path, self.origin)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
