"""The motif of asymmetric superposition, in models built by hand with it and with one part of it missing."""

import pytest
import torch

from superposition.asymmetric_motif import find_inhibitors
from superposition.toy_model_measurement.neurons import count_dominant

SHARE = 0.25


def make_motif():
    """W_1 and W_2^T of three neurons: the first has the motif, the second inhibits, the third does neither."""
    W_1 = torch.tensor([[2.0, -0.6, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    read_out = torch.tensor([[0.5, 2.0, 0.0], [0.0, -0.5, 0.0], [0.0, 0.0, 1.0]])
    return W_1, read_out


def find(W_1, read_out) -> list[int]:
    return find_inhibitors(W_1[None], read_out.mT[None], count_dominant(W_1[None]), SHARE)[0].tolist()


def test_motif_is_found():
    assert find(*make_motif()) == [1, -1, -1]


def test_sign_of_the_driving_feature_does_not_matter():
    W_1, read_out = make_motif()
    assert find(-W_1, read_out) == [1, -1, -1]


@pytest.mark.parametrize(
    ("matrix", "entry", "value"),
    [
        (0, (0, 1), 1.5),  # nearly equal inputs: 2 < 1.5 x 1.5
        (0, (0, 1), 0.4),  # a single dominant feature
        (0, (0, 2), 0.6),  # three dominant features
        (1, (0, 0), 1.5),  # not reciprocal: 1.5 x 1.5 > 2
        (1, (0, 1), -2.0),  # read out as its negative
        (0, (1, 0), -1.0),  # the second neuron is driven by the other sign
        (0, (1, 2), 5.0),  # the second neuron is driven by something else
        (1, (1, 1), -0.1),  # hardly inhibited
    ],
)
def test_what_lacks_a_part_is_no_motif(matrix, entry, value):
    weights = make_motif()
    weights[matrix][entry] = value
    assert find(*weights) == [-1, -1, -1]


def test_a_neuron_does_not_inhibit_itself():
    W_1, read_out = make_motif()
    read_out[1, 1], read_out[0] = 0.0, torch.tensor([-3.0, 0.1, 0.0])
    assert find(W_1, read_out) == [-1, -1, -1]


def test_of_two_inhibitors_the_stronger():
    W_1, read_out = make_motif()
    W_1[2, 0], read_out[2, 1] = 1.0, -0.9
    assert find(W_1, read_out)[0] == 2


def test_one_feature_makes_no_motif():
    assert find(torch.ones(2, 1), torch.ones(2, 1)) == [-1, -1]
