"""Streams of random numbers: apart from each other, and the same for ever."""

import numpy as np
import pytest
import torch

from superposition.seeding import derive_seed, numpy_generator, torch_generator


def test_derivation_has_not_changed():
    # A change here changes every number of the paper.
    assert derive_seed(0) == 2033344993903900207
    assert derive_seed(3, "five_in_two", "init", 12) == 7165351156390677920


def test_streams_have_not_changed():
    expected = torch.tensor([0.23956874012947083, -0.6028067469596863])
    torch.testing.assert_close(torch.randn(2, generator=torch_generator(0, "golden")), expected)
    np.testing.assert_allclose(
        numpy_generator(0, "golden").random(2), [0.17027246651251438, 0.5545447424771967], rtol=1e-15
    )


def test_names_and_seeds_are_kept_apart():
    streams = [(0,), (1,), (0, "a"), (1, "a"), (0, "a", "a"), (0, "a", 0), (0, "a", 1), (0, "a", 10), (0, 0, "a")]
    streams += [(0, "a", "bc"), (0, "ab", "c"), (0, "abc"), (0, "bc", "a"), (1, 0), (10,), (0, "a", ""), (0, "", "a")]
    seeds = {derive_seed(*stream) for stream in streams}
    assert len(seeds) == len(streams)
    assert len({seed % 2**32 for seed in seeds}) == len(streams)  # what torch's CPU generator looks at
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_neighbouring_streams_are_uncorrelated():
    # The correlation of 20,000 pairs has standard deviation 1 / sqrt(20,000) = 0.007 if they are independent.
    for make in (lambda *names: torch.randn(20_000, generator=torch_generator(*names)).numpy(), draw_with_numpy):
        a, b, c = make(0, "init", 0), make(0, "init", 1), make(1, "init", 0)
        assert abs(np.corrcoef([a, b, c]) - np.eye(3)).max() < 0.035


def draw_with_numpy(*names):
    return numpy_generator(*names).normal(size=20_000)


def test_streams_depend_on_no_other_stream():
    alone = torch.rand(5, generator=torch_generator(0, "a"))
    torch.manual_seed(1)
    torch.rand(100)
    torch.rand(100, generator=torch_generator(0, "b"))
    torch.testing.assert_close(torch.rand(5, generator=torch_generator(0, "a")), alone, rtol=0, atol=0)


def test_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed is -1: allowed are integers >= 0"):
        derive_seed(-1, "a")
