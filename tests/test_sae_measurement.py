"""The tables of sparse autoencoders, against autoencoders that are built by hand from the true features."""

import dataclasses
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from builders import PENTAGON, check_schema, sae

from superposition import ground_truth, sae_measurement, saes
from superposition.sae_measurement import measure_saes

# The features are a pentagon of radius 2. Of each there is a sample of length .2, one of .5 and one of 1; five more
# samples are empty: 20 in all.
W = 2 * PENTAGON
LENGTHS = torch.tensor([0.2, 0.5, 1.0])
SAMPLES = torch.cat([torch.eye(5).repeat_interleave(3, 0) * (LENGTHS / 2).repeat(5)[:, None], torch.zeros(5, 5)])
BIAS = -0.36  # cos 72 < .36: the longest feature does not reach its neighbours' latents
ORDER = [3, 0, 4, 1, 2]  # latent i reads feature ORDER[i]


def true_autoencoder(bias=BIAS, order=ORDER):
    directions = PENTAGON.T[order]
    return {
        "W_enc": directions.T[None].clone(),
        "b_enc": torch.full((1, len(order)), bias),
        "W_dec": directions[None].clone(),
        "b_dec": torch.zeros(1, 2),
    }


def measure(*autoencoders, x=SAMPLES, W=W, **changes):
    parameters = {name: torch.cat([one[name] for one in autoencoders]) for name in autoencoders[0]}
    n_latents = parameters["b_gate" if "b_gate" in parameters else "b_enc"].shape[1]
    block = sae(n_latents=n_latents, **({"restarts": len(autoencoders)} | changes))
    tables = measure_saes("by_hand", block, 7, parameters, W, 12, x)
    return {name: check_schema(table, name) for name, table in tables.items()}


@pytest.fixture(scope="module")
def truth():
    return measure(true_autoencoder())


def test_autoencoder_equal_to_the_truth(truth):
    row = truth["saes"].iloc[0]
    assert (row["n_dead"], row["n_recovered"]) == (0, 5)
    assert row["full_recovery"]
    for score in ("mmcs_truth", "mmcs_latent", "matched_cosine", "uniqueness", "precision"):
        assert row[score] == pytest.approx(1, abs=1e-6)
    assert row["nearest_angle"] == pytest.approx(0, abs=0.05)


def test_scores_by_hand(truth):
    # A latent reads 0, .14 and .64 on lengths .2, .5 and 1. It fires on 2 of 3: recall 2/3, F1 = 2 * 2 / (2 + 3) = .8.
    # gamma = (.14^2 + .64^2) / (.14 * .5 + .64 * 1); the ratios of norms are 0, .28 and .64. By symmetry the mean of h
    # is 0, and so fvu = (.2^2 + 2 * .36^2) / (.2^2 + .5^2 + 1). Two points of each feature are longer than .4, on the
    # line of slope 1 and intercept -.36.
    row = truth["saes"].iloc[0]
    expected = {"recall": 2 / 3, "f1": 0.8, "l0": 10 / 20, "true_l0": 15 / 20}
    expected |= {"gamma": 0.4292 / 0.71, "norm_ratio": 0.92 / 3, "fvu": 0.2992 / 1.29}
    expected |= {"shrinkage_slope": 1, "shrinkage_intercept": BIAS}
    assert row[list(expected)].to_dict() == pytest.approx(expected, rel=1e-5)


def test_shrinkage_is_of_what_is_written_where_latents_fire():
    # Latents are silent at length .45 and read .2 and .5 of lengths .7 and 1, in halves that rows of length 2 write
    lengths = torch.tensor([0.45, 0.7, 1.0])
    x = torch.eye(5).repeat_interleave(3, 0) * (lengths / 2).repeat(5)[:, None]
    whole = true_autoencoder(bias=-0.5)
    halves = whole | {"W_enc": whole["W_enc"] / 2, "b_enc": whole["b_enc"] / 2, "W_dec": 2 * whole["W_dec"]}
    for row in (measure(one, x=x, decoder_norm="free")["saes"].iloc[0] for one in (whole, halves)):
        assert row[["shrinkage_slope", "shrinkage_intercept"]].tolist() == pytest.approx([1, -0.5], rel=1e-5)


def test_keys_and_settings_of_autoencoders():
    rows = measure(*[true_autoencoder()] * 4, sweep={"sparsity_penalty": [0.1, 0.3]}, restarts=2)["saes"]
    assert rows["instance"].tolist() == [0, 1, 2, 3]
    assert rows["point"].tolist() == [0, 0, 1, 1]
    assert rows["restart"].tolist() == [0, 1, 0, 1]
    assert rows["sparsity_penalty"].tolist() == [0.1, 0.1, 0.3, 0.3]
    expected = {"sae": "by_hand", "seed": 7, "architecture": "relu", "toy_model": "tiny", "model_instance": 12}
    expected |= {"n_latents": 5, "n_features": 5, "learning_rate": 1e-3, "n_eval": 20}
    assert (rows[list(expected)] == list(expected.values())).all(axis=None)
    assert rows["mmcs_truth_floor"].nunique() == 1
    assert 0.5 < rows["mmcs_truth_floor"][0] < 0.95  # chance scores high in two dimensions


def test_latents_by_hand(truth):
    latents = truth["latents"].set_index("latent")
    assert latents["feature"].tolist() == ORDER
    np.testing.assert_allclose(latents["cosine"], 1, atol=1e-6)
    assert latents["fraction_active"].tolist() == pytest.approx([2 / 20] * 5)
    assert not latents["dead"].any()
    assert latents["precision"].tolist() == [1.0] * 5
    assert latents["recall"].tolist() == pytest.approx([2 / 3] * 5)
    assert latents["bias"].tolist() == pytest.approx([BIAS] * 5)
    np.testing.assert_allclose(np.stack(latents["decoder"].to_list()), PENTAGON.T[ORDER], atol=1e-6)
    np.testing.assert_allclose(np.stack(latents["encoder"].to_list()), PENTAGON.T[ORDER], atol=1e-6)
    for side in ("encoder", "decoder"):
        np.testing.assert_allclose(np.stack(latents[f"{side}_cosines"]), (PENTAGON.T @ PENTAGON)[ORDER], atol=1e-6)


def test_responses_by_hand(truth):
    responses = truth["single_feature_responses"]
    assert responses["sample"].tolist() == list(range(15))
    assert responses["feature"].tolist() == [feature for feature in range(5) for _ in range(3)]
    np.testing.assert_allclose(responses["length"], LENGTHS.repeat(5), rtol=1e-6)
    np.testing.assert_allclose(responses["activation"], [0, 0.14, 0.64] * 5, atol=1e-6)


def test_responses_need_a_single_feature(monkeypatch):
    monkeypatch.setattr(sae_measurement, "N_PLOTTED", 3)
    together = torch.tensor([[0.5, 0.0, 0.5, 0.0, 0.0]])
    tables = measure(true_autoencoder(), x=torch.cat([together, SAMPLES]))
    np.testing.assert_allclose(tables["single_feature_responses"]["length"], LENGTHS, rtol=1e-6)
    assert tables["saes"]["shrinkage_intercept"].item() == pytest.approx(BIAS)  # of all responses, not of those kept


def test_nothing_fires():
    tables = measure(true_autoencoder(bias=-100.0))
    row = tables["saes"].iloc[0]
    assert (row["n_dead"], row["n_recovered"], row["l0"], row["norm_ratio"]) == (5, 0, 0, 0)
    assert (row["precision"], row["recall"], row["f1"]) == (0, 0, 0)
    assert row["fvu"] == pytest.approx(1)
    assert not row["full_recovery"]
    assert row[["gamma", "shrinkage_slope", "shrinkage_intercept", "magnitude_slope"]].isna().all()
    assert tables["latents"]["dead"].all()
    assert tables["latents"][["feature", "cosine", "precision", "recall"]].isna().all(axis=None)
    assert len(tables["single_feature_responses"]) == 0


def test_dead_latent_recovers_nothing():
    autoencoder = true_autoencoder()
    autoencoder["b_enc"][0, ORDER.index(2)] = -100.0
    tables = measure(autoencoder)
    row = tables["saes"].iloc[0]
    assert (row["n_dead"], row["n_recovered"]) == (1, 4)
    assert not row["full_recovery"]
    assert row["recall"] == pytest.approx(4 / 5 * 2 / 3)
    assert 2 not in set(tables["single_feature_responses"]["feature"])
    dead = tables["latents"].set_index("latent").loc[ORDER.index(2)]
    assert dead["dead"]
    assert np.isnan(dead["feature"])


def test_surplus_latents_stay_unmatched():
    autoencoder = true_autoencoder(order=[*ORDER, 0, 0])
    autoencoder["W_dec"][0, 5:] = -autoencoder["W_dec"][0, 5:]
    tables = measure(autoencoder)
    latents = tables["latents"].set_index("latent")
    assert latents["feature"].isna().tolist() == [False] * 5 + [True] * 2
    assert latents.loc[5:, ["cosine", "precision", "recall"]].isna().all(axis=None)
    assert not latents["dead"].any()
    assert tables["saes"]["full_recovery"].item()


def test_decoder_length_does_not_matter(truth):
    autoencoder = true_autoencoder()
    autoencoder["W_dec"] = 3 * autoencoder["W_dec"]
    scaled = measure(autoencoder)["saes"]
    numbers = scaled.select_dtypes("float")
    np.testing.assert_allclose(numbers, truth["saes"][numbers.columns], rtol=1e-5, atol=1e-5)


def test_autoencoders_do_not_mix(truth):
    tables = measure(true_autoencoder(bias=-100.0), true_autoencoder())
    columns = ["gamma", "n_dead", "l0", "recall"]
    np.testing.assert_allclose(
        tables["saes"].loc[1, columns].astype(float), truth["saes"].loc[0, columns].astype(float)
    )
    assert set(tables["single_feature_responses"]["instance"]) == {1}


@pytest.mark.parametrize("chunk", [1, 7])
def test_scores_do_not_depend_on_the_chunk(monkeypatch, truth, chunk):
    monkeypatch.setattr(ground_truth, "CHUNK", chunk)
    again = measure(true_autoencoder())
    assert set(again) == set(truth)
    for name, table in again.items():
        pd.testing.assert_frame_equal(table, truth[name], rtol=1e-6, atol=1e-6)  # products are of float32


def test_line_of_the_optimal_symmetric_autoencoder():
    # Orthogonal features do not meet: slope 1, intercept -penalty d / 2.
    directions = torch.eye(2)[None]
    autoencoder = {"W_enc": directions, "W_dec": directions, "b_enc": torch.zeros(1, 2), "b_dec": torch.zeros(1, 2)}
    x = torch.linspace(0, 1, 20)[:, None, None] * torch.eye(2)
    row = measure(autoencoder, x=x.reshape(40, 2), W=torch.eye(2), sparsity_penalty=0.3)["saes"].iloc[0]
    assert row["symmetric_slope"] == pytest.approx(1, abs=1e-2)
    assert row["symmetric_intercept"] == pytest.approx(-0.3, abs=1e-2)


# The other architectures: the same directions, but what passes the gate or the threshold of .36 keeps its magnitude


def true_gated():
    relu = true_autoencoder()
    zeros = torch.zeros_like(relu["b_enc"])
    own = {"W_gate": relu["W_enc"] / 2, "b_gate": relu["b_enc"] / 2, "b_mag": zeros, "r_mag": zeros + np.log(2)}
    return own | {"W_dec": relu["W_dec"], "b_dec": relu["b_dec"]}


def true_jumprelu():
    relu = true_autoencoder()
    zeros = torch.zeros_like(relu["b_enc"])
    return {"W_enc": relu["W_enc"], "b_enc": zeros, "log_threshold": zeros + np.log(-BIAS), "b_dec": relu["b_dec"]}


@pytest.mark.parametrize(
    ("architecture", "autoencoder", "bias", "length"),
    [("gated", true_gated(), BIAS / 2, 0.5), ("jumprelu", true_jumprelu(), 0, 1)],
)
def test_architectures_that_do_not_shrink(architecture, autoencoder, bias, length):
    # A latent reads 0, .5 and 1 on lengths .2, .5 and 1: gamma = 1, and fvu = .2^2 / (.2^2 + .5^2 + 1).
    tables = measure(autoencoder, architecture=architecture)
    row = tables["saes"].iloc[0]
    assert row["architecture"] == architecture
    expected = {"recall": 2 / 3, "precision": 1, "l0": 10 / 20, "n_recovered": 5, "n_dead": 0}
    expected |= {"gamma": 1, "norm_ratio": 2 / 3, "fvu": 0.04 / 1.29}
    expected |= {"shrinkage_slope": 1, "shrinkage_intercept": 0}
    assert row[list(expected)].to_dict() == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert row[["symmetric_slope", "symmetric_intercept"]].isna().all()
    latents = tables["latents"].set_index("latent")
    assert latents["bias"].tolist() == pytest.approx([bias] * 5)
    np.testing.assert_allclose(np.stack(latents["decoder"].to_list()), PENTAGON.T[ORDER], atol=1e-6)
    np.testing.assert_allclose(np.stack(latents["encoder"].to_list()), length * PENTAGON.T[ORDER], atol=1e-6)
    np.testing.assert_allclose(tables["single_feature_responses"]["activation"], [0, 0.5, 1] * 5, atol=1e-6)


# Other data and other ways of encoding


def test_autoencoders_on_a_dictionary():
    # The pentagon with a bias, features 1 and 2 as children of 0, and two sets.
    autoencoder = true_autoencoder() | {"b_dec": torch.full((1, 2), 0.7)}
    structure = {"parents": torch.tensor([-1, 0, 0, -1, -1]), "sets": torch.tensor([0, 0, 1, 1, -1])}
    block = sae(n_latents=5, restarts=1) | {"toy_model": None, "dictionary": "tree"}
    x, bias = SAMPLES.repeat(40, 1), torch.full((2,), 0.7)
    tables = measure_saes("by_hand", block, 7, autoencoder, W, None, x, bias=bias, **structure)
    tables = {name: check_schema(table, name) for name, table in tables.items()}
    row = tables["saes"].iloc[0]
    assert (row["dictionary"], row["f1"]) == ("tree", pytest.approx(0.8))
    undefined = ["toy_model", "model_instance", "symmetric_slope", "absorption"]  # the children come without the parent
    assert row[undefined].isna().all()
    assert not row[["composed_share", "auroc", "f1_probe", "auroc_floor", "auroc_ceiling"]].isna().any()
    edges = tables["absorption"]
    assert edges[["parent", "child"]].to_numpy().tolist() == [[0, 1], [0, 2]]
    assert edges["parent_latent"].tolist() == [ORDER.index(0)] * 2
    assert edges["child_latent"].tolist() == [ORDER.index(1), ORDER.index(2)]
    assert edges["recall_alone"].tolist() == pytest.approx([2 / 3] * 2)
    assert edges["child_decoder_parent_cosine"].tolist() == pytest.approx(np.cos(np.radians([72, 144])).tolist())


def test_toy_models_have_no_edges(truth):
    assert len(truth["absorption"]) == 0
    assert truth["saes"][["absorption", "composed_share", "composed_share_ceiling"]].isna().all(axis=None)


def test_latents_are_ranked_and_have_lines():
    x = SAMPLES.repeat(40, 1)
    latents = measure(true_autoencoder(), x=x)["latents"].set_index("latent")
    # Of 800 samples 120 have the feature: on 40 of them the latent is silent, as it is on the 680 others. AUROC = 2/3 +
    # 1/3 * 1/2; of the recall 2/3 come at precision 1, 1/3 at 120/800.
    assert latents["auroc"].tolist() == pytest.approx([5 / 6] * 5)
    assert latents["average_precision"].tolist() == pytest.approx([2 / 3 + 1 / 3 * 120 / 800] * 5)
    # Active on lengths .5 and 1, where it reads .14 and .64.
    np.testing.assert_allclose(latents["magnitude_slope"], 1, rtol=1e-5)
    np.testing.assert_allclose(latents["magnitude_intercept"], BIAS, rtol=1e-5)
    assert latents["f1"].tolist() == pytest.approx([0.8] * 5)
    assert latents["nearest_feature"].tolist() == ORDER
    np.testing.assert_allclose(latents["nearest_cosine"], 1, atol=1e-6)


def test_slopes_are_summarised_by_their_median():
    # three latents of slope 1, one of 4 (twice the weights), one silent: of four slopes the median is 1, not their mean
    autoencoder = true_jumprelu()
    autoencoder["W_enc"][0, :, 1] *= 2
    autoencoder["log_threshold"][0, 3] = 10.0
    tables = measure(autoencoder, architecture="jumprelu", x=SAMPLES.repeat(10, 1))
    slopes = tables["latents"]["magnitude_slope"]
    assert slopes.tolist() == pytest.approx([1, 4, 1, np.nan, 1], rel=1e-5, nan_ok=True)
    assert tables["saes"]["magnitude_slope"].item() == pytest.approx(1, rel=1e-5)


def test_features_are_counted_as_recovered_at_three_cosines():
    # row j is turned from vertex j towards the next by an angle of the cosine asked for, of 37 degrees at most: the row
    # of no other vertex is as near, 72 degrees being between them
    autoencoder = true_autoencoder(order=range(5))
    for latent, cosine in enumerate((1.0, 0.96, 0.91, 0.81, 0.81)):
        angle = np.radians(72 * latent) + np.arccos(cosine)
        autoencoder["W_dec"][0, latent] = torch.tensor([np.cos(angle), np.sin(angle)])
    row = measure(autoencoder, x=SAMPLES.repeat(10, 1))["saes"].iloc[0]
    assert (row["n_recovered"], row["n_recovered_90"], row["n_recovered_80"]) == (2, 3, 5)
    floors = row[["n_recovered_floor", "n_recovered_90_floor", "n_recovered_80_floor"]]
    within = np.degrees(np.arccos([0.95, 0.9, 0.8])) / 180  # of a random direction's angle from a feature
    assert floors.tolist() == pytest.approx(5 * (1 - (1 - within) ** 5))


def test_lines_take_the_length_that_a_latent_writes():
    # A jumprelu with weights twice as long reads twice the length, and its decoder writes that twice.
    autoencoder = true_jumprelu()
    autoencoder["W_enc"] = 2 * autoencoder["W_enc"]
    latents = measure(autoencoder, architecture="jumprelu", x=SAMPLES.repeat(10, 1))["latents"]
    np.testing.assert_allclose(latents["magnitude_slope"], 4, rtol=1e-5)


BATCHES = []  # the sizes that samples were encoded in, as trained


@dataclasses.dataclass(frozen=True)
class TopOfBatch(saes.ReluSae):
    """Keeps the largest latent of a batch alone as trained, and those above .3 at a threshold."""

    modes: ClassVar = ("threshold", "batch")

    def encode(self, parameters, h, mode="threshold"):
        z = super().encode(parameters, h)
        if mode == "threshold":
            return z * (z > 0.3)
        BATCHES.append(len(h))
        return z * (torch.arange(z.numel()) == z.argmax()).view_as(z)


@pytest.fixture
def top_of_batch(monkeypatch):
    monkeypatch.setitem(saes.ARCHITECTURES, "relu", TopOfBatch)
    BATCHES.clear()
    return measure(true_autoencoder(), x=SAMPLES.repeat(10, 1), training={"batch_size": 25})


def test_every_mode_has_its_rows(top_of_batch):
    rows = top_of_batch["saes"].set_index("mode")
    assert rows.index.tolist() == ["threshold", "as_trained"]
    assert rows.loc["threshold", "l0"] == pytest.approx(5 / 20)  # length 1 alone, of .64
    assert rows.loc["as_trained", "l0"] == pytest.approx(8 / 200)  # one in each batch of 25
    assert rows["fvu_floor"].nunique() == 1
    assert top_of_batch["latents"].groupby("mode").size().to_dict() == {"as_trained": 5, "threshold": 5}


def test_batches_are_those_of_training(top_of_batch):
    assert set(BATCHES) == {25}


def test_batches_of_training_do_not_depend_on_the_chunk(monkeypatch, top_of_batch):
    monkeypatch.setattr(ground_truth, "CHUNK", 7)
    again = measure(true_autoencoder(), x=SAMPLES.repeat(10, 1), training={"batch_size": 25})
    pd.testing.assert_frame_equal(again["latents"], top_of_batch["latents"], rtol=1e-6)


def test_restarts_are_compared_with_those_of_their_point():
    turned = true_autoencoder()
    turned["W_dec"] = turned["W_dec"].flip(-1)  # (x, y) -> (y, x), which is no symmetry of the pentagon
    sets = [true_autoencoder(), true_autoencoder(order=ORDER[::-1]), true_autoencoder(), turned]
    rows = measure(*sets, sweep={"sparsity_penalty": [0.1, 0.3]}, restarts=2)["saes"]
    # (x, y) -> (y, x) turns vertex k, at 72 k degrees, to 90 - 72 k: 18 degrees from another, whatever the sign.
    assert rows["restart_mcc"].tolist() == pytest.approx([1, 1] + [np.cos(np.radians(18))] * 2)
    assert 0.8 < rows["restart_mcc_floor"][0] < 1
    assert measure(true_autoencoder())["saes"]["restart_mcc"].isna().all()
