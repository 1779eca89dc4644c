"""Finite data sets, and the specification of full-batch training."""

import io
import math

import pytest
import torch

from superposition import finite_data, toy_models
from superposition.features import SparseSamples
from superposition.finite_data import (
    check_data,
    full_batch_loss,
    loss_factor,
    minimise_full_batch,
    sample_data,
    to_dense,
)
from superposition.progress import Progress
from superposition.seeding import torch_generator
from superposition.training import Recorder

TRAINING = {"steps": 50, "schedule": "cosine", "warmup_steps": 10, "weight_decay": 0.01}


def generators(*names):
    return [torch_generator(0, name) for name in names]


def lengths(data, point=0):
    return data.to_dense(point).norm(dim=1)


def test_samples_have_unit_length_or_none():
    # no feature of 20 at p = .1 is present in .9^20 = 12.2 % of the samples, 122 +- 10 of 1,000
    data = sample_data(torch.full((20,), 0.1), 1000, generators("a"))
    length = lengths(data)
    empty = length == 0
    torch.testing.assert_close(length[~empty], torch.ones(int((~empty).sum())))
    assert 80 < int(empty.sum()) < 165


def test_redrawn_samples_take_the_place_of_empty_ones():
    kept = sample_data(torch.full((20,), 0.1), 1000, generators("a"), "keep").to_dense(0)
    redrawn = sample_data(torch.full((20,), 0.1), 1000, generators("a"), "redraw").to_dense(0)
    full = kept[kept.any(dim=1)]
    assert len(redrawn) == 1000
    assert redrawn.any(dim=1).all()
    assert torch.equal(redrawn[: len(full)], full)


def test_probability_of_each_feature():
    p = torch.tensor([0.0, 1.0, 0.5])
    present = sample_data(p, 4000, generators("a")).to_dense(0) > 0
    assert present.float().mean(0).tolist() == pytest.approx([0, 1, 0.5], abs=0.03)


def test_a_data_set_is_the_same_in_any_company():
    p = torch.full((30,), 0.1)
    together = sample_data(p, 70, generators("a", "b"))
    assert together.n_points == 2
    assert torch.equal(together.to_dense(1), sample_data(p, 70, generators("b")).to_dense(0))
    assert not torch.equal(together.to_dense(0), together.to_dense(1))


def test_data_are_drawn_in_parts(monkeypatch):
    monkeypatch.setattr(finite_data, "CHUNK", 3 * 30)
    data = sample_data(torch.full((30,), 0.2), 70, generators("a"), "redraw")
    assert data.offsets.shape == (1, 71)
    torch.testing.assert_close(lengths(data), torch.ones(70))


# Two features in one dimension, W = (1, -1), b = (.1, 0). On x = (.6, .8): h = -.2, z = (-.1, .2), x' = (0, .2), errors
# (.6, .6), squares .72. On x = 0: z = (.1, 0), squares .01. Their mean over the two samples is .365.
PARAMETERS = {"W": torch.tensor([[[1.0, -1.0]]]), "b_final": torch.tensor([[0.1, 0.0]])}
DATA = SparseSamples.from_dense(torch.tensor([[[0.6, 0.8], [0.0, 0.0]]]))


@pytest.mark.parametrize(("scale", "loss"), [("sum", 0.365), ("mean", 0.1825)])
def test_loss_by_hand(scale, loss):
    x = to_dense(DATA, 1, PARAMETERS["W"])
    assert full_batch_loss(PARAMETERS, x, loss_factor(DATA, scale)).tolist() == pytest.approx([loss])


def test_mean_scale_is_the_loss_of_the_toy_models():
    data = sample_data(torch.full((30,), 0.1), 40, generators("a", "b"))
    parameters = toy_models.initialise("relu_output", 30, 3, generators("c", "d"))
    x = to_dense(data, 2, parameters["W"])
    expected = toy_models.reconstruction_loss("relu_output", parameters, x, torch.ones(30))
    torch.testing.assert_close(full_batch_loss(parameters, x, loss_factor(data, "mean")), expected)


def memorise(x):
    """W (1, 2, n), b_final (1, n) that put non-negative, orthonormal samples x (T, n) on a T-gon and return each.

    As Henighan et al. 2023 explain memorisation: at radius a the product with a neighbour, a^2 cos(2 pi / T), is what
    the bias takes away, and what it leaves of a sample's own is a^2 (1 - cos(2 pi / T)) = 1.
    """
    angles = 2 * torch.pi * torch.arange(len(x), dtype=torch.float64) / len(x)
    nearest = angles[1].cos()
    square = 1 / (1 - nearest)
    corners = square.sqrt() * torch.stack([angles.cos(), angles.sin()])
    return {"W": (corners @ x)[None], "b_final": (-square * nearest * x.sum(0))[None]}


def test_polygons_memorise_exactly_with_weights_that_grow():
    norms = []
    for count in range(2, 21):
        # non-negative and orthogonal: three features of each sample's own
        x = torch.zeros(count, count, 3, dtype=torch.float64)
        x.diagonal().T.copy_(torch.rand(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(count)))
        x = x.flatten(1) / x.flatten(1).norm(dim=1, keepdim=True)
        parameters = memorise(x)
        assert full_batch_loss(parameters, x[:, None], 1 / count).item() < 1e-6
        moved = parameters | {"W": parameters["W"] * 1.01}
        assert full_batch_loss(moved, x[:, None], 1 / count).item() > 1e-6
        norms.append(parameters["W"].norm().item())
    assert norms == sorted(set(norms))
    assert norms[3] == pytest.approx((5 / (1 - math.cos(2 * math.pi / 5))) ** 0.5)


def test_mistakes_are_named():
    p = torch.full((2,), 0.5)
    with pytest.raises(ValueError, match=r"zero_samples is 'drop': allowed are \('keep', 'redraw'\)"):
        sample_data(p, 3, generators("a"), "drop")
    with pytest.raises(ValueError, match="redrawn forever"):
        sample_data(torch.zeros(2), 3, generators("a"), "redraw")
    with pytest.raises(ValueError, match=r"loss_scale is 'total': allowed are \('sum', 'mean'\)"):
        loss_factor(DATA, "total")
    with pytest.raises(ValueError, match="2 data sets for 1 instances: allowed are one for all or one for each"):
        check_data(sample_data(p, 3, generators("a", "b")), PARAMETERS)
    with pytest.raises(ValueError, match="the data have 3 features, the model 2"):
        check_data(sample_data(torch.ones(3), 3, generators("a")), PARAMETERS)
    with pytest.raises(ValueError, match="n_samples is 0: allowed are integers >= 1"):
        sample_data(p, 0, generators("a"))


def fit_with_torch(parameters, x, factor, rate):
    """The same with torch.optim.AdamW and LambdaLR: warm-up over 10 of 50 steps, then cosine to 0."""
    parameters = {name: parameter.clone().requires_grad_(True) for name, parameter in parameters.items()}
    optimizer = torch.optim.AdamW(parameters.values(), lr=rate, weight_decay=TRAINING["weight_decay"])
    cosine = torch.cos(torch.pi * torch.arange(40) / 40)
    factors = [*((torch.arange(10) + 1) / 10), *((1 + cosine) / 2), torch.tensor(0.0)]
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: float(factors[step]))
    for _ in range(50):
        optimizer.zero_grad()
        full_batch_loss(parameters, x, factor).sum().backward()
        optimizer.step()
        scheduler.step()
    return {name: parameter.detach() for name, parameter in parameters.items()}


@pytest.mark.parametrize("scale", finite_data.LOSS_SCALES)
def test_training_is_that_of_torch(scale):
    data = sample_data(torch.full((30,), 0.1), 40, generators("a"))
    parameters = toy_models.initialise("relu_output", 30, 2, generators("c", "d"))
    x = to_dense(data, 2, parameters["W"])
    expected = fit_with_torch(parameters, x, loss_factor(data, scale), 0.02)
    recorder = Recorder(20, Progress("test", 50, stream=io.StringIO()))
    minimise_full_batch(parameters, data, scale, TRAINING, torch.tensor([0.02, 0.02]), recorder)
    torch.testing.assert_close(parameters, expected, rtol=1e-4, atol=1e-5)
    assert recorder.steps == [20, 40, 50]
    assert (recorder.losses[-1] < recorder.losses[0]).all()
