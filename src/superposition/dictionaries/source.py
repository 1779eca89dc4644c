"""A synthetic dictionary as the source of the activations that autoencoders are fitted to."""

import torch
from torch import Tensor

from superposition.dictionaries.dictionary import Dictionary


class DictionarySource:
    """Fresh activations of a dictionary, the same for all autoencoders of a sweep, with noise where it has some.

    Attributes:
        W: (d_in, n_features) true features; bias: (d_in,)
    """

    shared = True

    def __init__(self, dictionary: Dictionary):
        self.dictionary = dictionary
        self.W, self.bias = dictionary.W, dictionary.bias

    def sample(self, batch_size: int, n_instances: int, generator: torch.Generator) -> Tensor:
        """(batch_size, 1, d_in): one batch, which all `n_instances` share."""
        x = self.dictionary.sample(batch_size, generator)
        return self.dictionary.embed(x, generator)[:, None]
