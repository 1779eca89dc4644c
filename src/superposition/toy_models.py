"""The toy models, written as they read in the papers. This is the specification that every engine is held to.

A stack of independent instances is one set of tensors whose leading axis is the instance:

    W, W_1   (instances, n_hidden, n_features)   column i is the direction of feature i
    W_2      (instances, n_features, n_hidden)   row i reads feature i's output off the hidden units
    b_hidden (instances, n_hidden), where the model has one
    b_final  (instances, n_features)
    x        (batch, instances, n_features)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from einops import einsum
from torch import Tensor

Parameters = dict[str, Tensor]
Function = Callable[[Tensor], Tensor]  # of every element


def identity(values: Tensor) -> Tensor:
    return values


def quadratic(values: Tensor) -> Tensor:
    return values.square()


@dataclass(frozen=True)
class Kind:
    """A kind of toy model, h = f(W_in x + b_hidden), x' = g(W_out h + b_final), and the target y(x) of its training.

    Attributes:
        tied: whether W_in = W and W_out = W^T are one matrix; otherwise W_in = W_1 and W_out = W_2
        hidden, output: the functions f and g
        target: the function y
    """

    tied: bool
    hidden: Function
    output: Function
    target: Function = identity

    @property
    def has_privileged_basis(self) -> bool:
        """Whether the hidden units are more than one basis among many: a rotation of h changes what the model does."""
        return self.hidden is not identity

    def directions(self, parameters: Parameters) -> Tensor:
        """W_in, (instances, n_hidden, n_features): how each feature enters the hidden layer."""
        return parameters["W" if self.tied else "W_1"]

    def encode(self, parameters: Parameters, x: Tensor) -> Tensor:
        """h, of shape (batch, instances, n_hidden)."""
        W_in = self.directions(parameters)
        pre = einsum(W_in, x, "inst hidden feature, batch inst feature -> batch inst hidden")
        return self.hidden(pre + parameters["b_hidden"] if "b_hidden" in parameters else pre)

    def forward(self, parameters: Parameters, x: Tensor) -> Tensor:
        """x', of shape (batch, instances, n_features)."""
        W_out = parameters["W"].mT if self.tied else parameters["W_2"]
        h = self.encode(parameters, x)
        out = einsum(W_out, h, "inst feature hidden, batch inst hidden -> batch inst feature")
        return self.output(out + parameters["b_final"])

    def initialise(
        self,
        n_features: int,
        n_hidden: int,
        generators: list[torch.Generator],
        init_std: float | str = "xavier",
        hidden_bias: bool = False,
    ) -> Parameters:
        """Fresh parameters, one instance per generator: normal weights, biases zero.

        Args:
            init_std: standard deviation of the weights; "xavier" is sqrt(2 / (n_hidden + n_features)), that of each
                matrix by itself. `torch.nn.init.xavier_normal_` applied to the whole stack would count the instance
                axis as a fan, and the scale would depend on how many are trained
        """
        std = (2.0 / (n_hidden + n_features)) ** 0.5 if init_std == "xavier" else init_std
        into, out_of = (n_hidden, n_features), (n_features, n_hidden)
        shapes = {"W": into} if self.tied else {"W_1": into, "W_2": out_of}
        drawn = [{name: torch.randn(shape, generator=g) * std for name, shape in shapes.items()} for g in generators]
        weights = {name: torch.stack([each[name] for each in drawn]) for name in shapes}
        biases = {"b_hidden": torch.zeros(len(generators), n_hidden)} if hidden_bias else {}
        return weights | biases | {"b_final": torch.zeros(len(generators), n_features)}


KINDS = {
    # x' = W^T W x + b: the linear baseline (Elhage et al. 2022, "Demonstrating superposition")
    "linear": Kind(tied=True, hidden=identity, output=identity),
    # x' = ReLU(W^T W x + b): the ReLU output model (same section)
    "relu_output": Kind(tied=True, hidden=identity, output=torch.relu),
    # x' = ReLU(W^T ReLU(W x) + b): neurons instead of directions (same, "Superposition in a Privileged Basis")
    "hidden_relu": Kind(tied=True, hidden=torch.relu, output=torch.relu),
    # y' = ReLU(W_2 ReLU(W_1 x) + b) for y = |x|: features that are computed with (same, "Computation in Superposition")
    "absolute_value": Kind(tied=False, hidden=torch.relu, output=torch.relu, target=torch.abs),
    # x' = g(W^T W x + b) with another g: what the ReLU's corner is good for (comments on Elhage et al. 2022)
    "gelu_output": Kind(tied=True, hidden=identity, output=torch.nn.functional.gelu),
    "silu_output": Kind(tied=True, hidden=identity, output=torch.nn.functional.silu),
    "softplus_output": Kind(tied=True, hidden=identity, output=torch.nn.functional.softplus),
    "quadratic_output": Kind(tied=True, hidden=identity, output=quadratic),
}


def take_instances(parameters: Parameters, instances: Sequence[int]) -> Parameters:
    """The stack of those instances alone."""
    return {name: tensor[instances] for name, tensor in parameters.items()}


def reconstruction_loss(kind: str, parameters: Parameters, x: Tensor, importance: Tensor) -> Tensor:
    """(instances,) mean over batch and features of I_i (y_i - x'_i)^2, with importance (instances, n_features)."""
    return weigh_errors(importance, KINDS[kind].target(x), KINDS[kind].forward(parameters, x))


def weigh_errors(importance: Tensor, y: Tensor, output: Tensor) -> Tensor:
    """(instances,) mean over batch and features of I_i (y_i - output_i)^2."""
    return (importance * (y - output) ** 2).mean(dim=(0, 2))


def hidden_activity(kind: str, parameters: Parameters, x: Tensor) -> Tensor:
    """(instances,) mean over the batch of sum_k |h_k|, what a penalty on the hidden layer weighs."""
    return KINDS[kind].encode(parameters, x).abs().sum(-1).mean(0)


def initialise(kind: str, n_features: int, n_hidden: int, generators: list[torch.Generator], **settings) -> Parameters:
    """Fresh parameters of a kind, one instance per generator; settings as in `Kind.initialise`."""
    return KINDS[kind].initialise(n_features, n_hidden, generators, **settings)
