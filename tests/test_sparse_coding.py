"""Sparse coding where the answer is known: orthogonal atoms, few atoms of many, atoms that must not be used."""

import pytest
import torch
from builders import PENTAGON
from scipy.optimize import nnls

from superposition.sparse_coding import pursue


def test_orthogonal_atoms_are_read_off():
    z = torch.tensor([[0.5, 0.0, 2.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    dictionary = torch.diag(torch.tensor([1.0, 3.0, 0.2]))
    torch.testing.assert_close(pursue(z @ dictionary, dictionary, (z != 0).sum(1)), z)


def test_one_feature_of_a_pentagon_is_found():
    z = torch.eye(5).repeat(3, 1) * torch.linspace(0.1, 1, 15)[:, None]
    torch.testing.assert_close(pursue(z @ PENTAGON.T, PENTAGON.T, (z != 0).sum(1)), z)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_few_atoms_of_an_overcomplete_dictionary_are_found(seed):
    generator = torch.Generator().manual_seed(seed)
    dictionary = torch.randn(64, 32, generator=generator)
    present = torch.rand(200, 64, generator=generator) < 0.03
    z = present * (0.5 + torch.rand(200, 64, generator=generator))
    found = pursue(z @ dictionary, dictionary, present.sum(1))
    exact = ((found != 0) == present).all(1)
    assert exact.float().mean() > 0.95
    torch.testing.assert_close(found[exact], z[exact], rtol=1e-2, atol=1e-2)


def test_coefficients_are_those_of_non_negative_least_squares():
    # Three atoms in the plane may all be used: the best coefficients >= 0, and none for an atom that points away.
    dictionary = torch.tensor([[1.0, 0.0], [0.8, 0.6], [-1.0, 0.5]])
    for h in ([1.0, 1.0], [1.0, -1.0], [0.9, 0.1], [-1.0, -1.0]):
        h = torch.tensor(h)
        code = pursue(h[None], dictionary, torch.tensor([3]))[0]
        _, error = nnls(dictionary.T.double().numpy(), h.double().numpy())
        assert (code >= 0).all()
        assert float((h - code @ dictionary).norm()) == pytest.approx(error, abs=1e-3)


def test_no_atom_points_there():
    assert pursue(torch.tensor([[-1.0, -1.0]]), torch.eye(2), torch.tensor([2])).tolist() == [[0, 0]]


def test_samples_have_no_more_than_they_may():
    h = torch.ones(3, 4)
    counts = (pursue(h, torch.eye(4), torch.tensor([0, 3, 1])) != 0).sum(1)
    assert counts.tolist() == [0, 3, 1]
