"""Dataclasses whose tensors move between devices together, and are stored by their names."""

from dataclasses import fields, replace

import torch
from torch import Tensor


class TensorFields:
    """For frozen dataclasses, of whose fields some are tensors."""

    def tensors(self) -> dict[str, Tensor]:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, Tensor)}

    def to(self, device: torch.device | str):
        """The same on a device."""
        return replace(self, **{name: tensor.to(device) for name, tensor in self.tensors().items()})
