"""Directions of synthetic dictionaries: lengths, angles, and the memory they take."""

import pytest
import torch
from dictionary_blocks import make
from torch.utils._python_dispatch import TorchDispatchMode

from superposition.dictionaries.directions import approach_cosine, draw_directions, mean_cosine, mean_max_cosine

PLAIN = {"norm": 1.0, "norm_std": 0.0}


def draw(kind, d_in=16, n_features=16, seed=0, **settings):
    block = PLAIN | {"kind": kind} | settings
    return draw_directions(block, d_in, n_features, torch.Generator().manual_seed(seed))


def cosines(W):
    units = W / W.norm(dim=0)
    return (units.T @ units)[~torch.eye(W.shape[1], dtype=torch.bool)]


@pytest.mark.parametrize("kind", ["orthonormal", "identity"])
@pytest.mark.parametrize("n_features", [1, 5, 16])
def test_orthonormal_directions(kind, n_features):
    W = draw(kind, n_features=n_features)
    assert W.shape == (16, n_features)
    torch.testing.assert_close(W.T @ W, torch.eye(n_features), atol=1e-6, rtol=0)
    assert (kind == "identity") == torch.equal(W, torch.eye(16)[:, :n_features])


def test_random_directions_have_the_angles_of_chance():
    W = draw("random", d_in=64, n_features=300)
    torch.testing.assert_close(W.norm(dim=0), torch.ones(300))
    assert float(cosines(W).std()) == pytest.approx(1 / 8, rel=0.02)  # 1 / sqrt(d_in)
    assert float(cosines(W).mean()) == pytest.approx(0, abs=0.005)


@pytest.mark.parametrize("cosine", [0.0, 0.3, 0.7])
def test_a_target_cosine_is_reached_where_there_is_room(cosine):
    W = draw("target_cosine", cosine=cosine, steps=300, learning_rate=0.05)
    torch.testing.assert_close(W.norm(dim=0), torch.ones(16))
    torch.testing.assert_close(cosines(W), torch.full((16 * 15,), cosine), atol=0.01, rtol=0)


def test_an_overcomplete_dictionary_comes_as_near_as_it_can():
    # n unit vectors in d dimensions have a sum of squared cosines of at least n (n / d - 1) (Welch 1974).
    random, W = (
        draw("target_cosine", n_features=64, cosine=0.0, learning_rate=0.02, steps=steps) for steps in (0, 400)
    )
    bound = 64 * (64 / 16 - 1)
    assert float(cosines(W).square().sum()) == pytest.approx(bound, rel=1e-3)
    assert float(cosines(random).square().sum()) > 1.1 * bound
    assert mean_max_cosine(W) < mean_max_cosine(random)


def test_the_gradient_is_that_of_the_loss():
    units = torch.nn.functional.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    moved = approach_cosine(units, 0.2, 1, 1e-3)
    free = units.clone().requires_grad_()
    unit = torch.nn.functional.normalize(free, dim=1)
    similarity = unit @ unit.T
    ((similarity - 0.2).square() * (1 - torch.eye(6))).sum().backward()
    stepped = torch.nn.functional.normalize(units - 1e-3 * free.grad.sign(), dim=1)  # Adam's first step is of one size
    torch.testing.assert_close(moved, stepped, atol=1e-6, rtol=0)


def test_lengths():
    W = draw("random", n_features=2_000, norm=2.0, norm_std=0.1)
    assert float(W.norm(dim=0).mean()) == pytest.approx(2, abs=0.02)
    assert float(W.norm(dim=0).std()) == pytest.approx(0.1, rel=0.1)


def test_given_directions_are_scaled_to_their_length():
    W = draw("given", d_in=2, n_features=2, vectors=[[3, 4], [0, -2]], norm=2.0)
    torch.testing.assert_close(W, torch.tensor([[1.2, 0.0], [1.6, -2.0]]))


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_mean_max_cosine_does_not_depend_on_the_chunk(chunk):
    W = draw("random", d_in=5, n_features=30)
    matrix = (W.T @ W).abs() - torch.eye(30)
    assert mean_max_cosine(W, chunk) == pytest.approx(float(matrix.amax(1).mean()), rel=1e-5)
    assert mean_cosine(W) == pytest.approx(float(cosines(W).mean()), rel=1e-3)


class LargestTensor(TorchDispatchMode):
    """Remembers how many numbers the largest tensor had that any operation made."""

    numel = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.numel())
        return result


def test_no_tensor_has_a_number_for_each_pair_of_features():
    n_features, d_in, chunk = 2_000, 24, 50
    with LargestTensor() as largest:
        made = make(
            n_features=n_features,
            d_in=d_in,
            directions={"kind": "target_cosine", "steps": 3},
            correlation={"kind": "low_rank", "rank": 4, "strength": 0.1},
        )
        made.sample(20, torch.Generator().manual_seed(0))
        mean_max_cosine(made.W, chunk)
        assert made.correlation.rms < 0.1
    assert largest.numel == chunk * n_features  # cosines of a chunk; all else is smaller
