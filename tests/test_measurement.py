"""The measured tables, against models and autoencoders that are built by hand and known to the last number."""

import math

import numpy as np
import pytest
import torch
from builders import check_schema, sae, toy_model

from superposition import sae_measurement, toy_model_measurement
from superposition.evaluation import sample_held_out
from superposition.features import SparseSamples
from superposition.sae_measurement import measure_saes
from superposition.toy_model_measurement import measure_toy_models
from superposition.toy_models import initialise

COS72, COS144 = math.cos(math.radians(72)), math.cos(math.radians(144))
ANGLES = torch.arange(5, dtype=torch.float64) * 2 * torch.pi / 5
PENTAGON = torch.stack([ANGLES.cos(), ANGLES.sin()]).float()
CROSS = torch.tensor([[1.0, -1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0, 0.0]])  # two antipodal pairs, feature 4 ignored
PAIR = torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0]])
ONE = torch.tensor([[0.0, 0.0, 0.0, 0.6, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]])

# Feature 0 alone, feature 2 alone, their neighbours 0 and 1 together, nothing.
X = torch.tensor(
    [
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.0, 0.0],
        [1.0, 1.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ]
)


# Toy models


@pytest.fixture(scope="module")
def measured():
    """One point, one restart per model."""
    experiment = toy_model(features={"feature_probability": 0.3}, restarts=4)
    bias = torch.tensor([[0.0] * 5, [0.0] * 5, [0.0] * 5, [0.5, -0.1, 0.0, 0.0, 0.1]])
    parameters = {"W": torch.stack([PENTAGON, CROSS, PAIR, ONE]), "b_final": bias}
    return measure_toy_models("by_hand", experiment, 7, parameters, SparseSamples.from_dense(X[None]))


def test_models_by_hand(measured):
    models = check_schema(measured["models"], "models")
    assert models["n_represented"].tolist() == [5, 4, 2, 1]
    assert models["n_superposed"].tolist() == [5, 4, 0, 0]
    assert models["n_antipodal_pairs"].tolist() == [0, 2, 0, 0]
    assert models["frobenius_norm_squared"].tolist() == pytest.approx([5, 4, 2, 0.36])
    assert models["dimensions_per_feature"].tolist() == pytest.approx([2 / 5, 1 / 2, 1, 2 / 0.36])
    assert models["total_dimensionality"].tolist() == pytest.approx([2, 2, 2, 1])
    assert models["rank"].tolist() == [2, 2, 2, 1]
    # Gaps of 72 degrees, of 90, of 90 and 270 instead of 180; a single feature has none.
    assert models["gap_deviation"].tolist() == pytest.approx([0, 0, 90, math.nan], abs=1e-4, nan_ok=True)
    assert models["mean_bias"].tolist() == pytest.approx([0, 0, 0, 0.1])
    # The first two hidden vectors lie on the pentagon's rays, the third between two of them, the fourth is zero. In the
    # cross features 0 and 1 cancel. To the pair the second is zero, and the third lies at 45 degrees. The last model
    # sees nothing but feature 3.
    assert models["near_ray_fraction"].tolist() == pytest.approx([2 / 3, 1, 1 / 2, math.nan], nan_ok=True)


def test_held_out_loss_by_hand(measured):
    # Pentagon: on feature 0 alone x' is (1, c, 0, 0, c) with c = cos 72, on half of feature 2 the errors are half of
    # those. On 0 and 1 together W^T h is (1 + c, 1 + c, c + d, 2 d, c + d) with d = cos 144 < -c: errors c and c. So
    # 2 c^2 (1 + 1/4 + 1) over 4 samples and 5 features. Cross: 0 and 1 cancel, and both are missed; all else is exact.
    # Pair: only half of feature 2 is missed.
    losses = measured["models"]["loss"].tolist()
    assert losses[:3] == pytest.approx([2 * COS72**2 * 2.25 / 20, 2 / 20, 0.25 / 20], rel=1e-5)


def test_keys_and_settings(measured):
    models = measured["models"]
    assert models["instance"].tolist() == models["restart"].tolist() == [0, 1, 2, 3]
    expected = {"experiment": "by_hand", "seed": 7, "point": 0, "kind": "relu_output", "n_features": 5, "n_hidden": 2}
    expected |= {"feature_probability": 0.3, "learning_rate": 1e-3}
    assert (models[list(expected)] == pd_row(expected)).all(axis=None)


def pd_row(values):
    return np.array(list(values.values()), dtype=object)


def test_features_by_hand(measured):
    features = check_schema(measured["features"], "features").set_index(["instance", "feature"])
    assert len(features) == 20
    for feature in range(5):
        row = features.loc[(0, feature)]
        assert row["norm"] == pytest.approx(1)
        # The other four meet it at 72, 144, 144 and 72 degrees: the squares of the cosines sum to 3/2.
        assert row["interference"] == pytest.approx(1.5)
        assert row["dimensionality"] == pytest.approx(2 / 5)
        assert row["max_cosine"] == pytest.approx(COS72)
        assert row["min_cosine"] == pytest.approx(COS144)
        assert row["represented"]
        assert row["superposed"]
        np.testing.assert_allclose(row["direction"], PENTAGON[:, feature])

    first, ignored = features.loc[(1, 0)], features.loc[(1, 4)]
    assert (first["max_cosine"], first["min_cosine"]) == pytest.approx((0, -1))
    assert (first["interference"], first["dimensionality"]) == pytest.approx((1, 0.5))
    assert (ignored["norm"], ignored["dimensionality"]) == (0, 0)
    assert not ignored["represented"]
    assert not ignored["superposed"]
    assert ignored[["interference", "max_cosine", "min_cosine"]].isna().all()

    lonely = features.loc[(3, 3)]
    assert lonely["represented"]
    assert np.isnan(lonely["max_cosine"])  # no other feature is represented
    assert features.loc[3, "bias"].tolist() == pytest.approx([0.5, -0.1, 0.0, 0.0, 0.1])
    assert features["importance"].eq(1).all()


def test_importance_of_each_feature():
    experiment = toy_model(importance={"curve": "geometric", "base": 0.5}, restarts=1)
    parameters = {"W": PENTAGON[None], "b_final": torch.zeros(1, 5)}
    tables = measure_toy_models("by_hand", experiment, 0, parameters, SparseSamples.from_dense(X[None]))
    assert tables["features"]["importance"].tolist() == [1, 0.5, 0.25, 0.125, 0.0625]
    # Of the pentagon's squared errors c^2 above: 1/2 + 1/16, then a quarter of 1/2 + 1/8, then 1/4 + 1/16.
    weights = (1 / 2 + 1 / 16) + (1 / 2 + 1 / 8) / 4 + (1 / 4 + 1 / 16)
    assert tables["models"]["loss"].item() == pytest.approx(COS72**2 * weights / 20, rel=1e-5)


def test_hidden_samples_are_those_of_the_best_model(measured):
    assert measured["models"]["lowest_loss"].tolist() == [False, False, True, False]  # 1/80 is less than 4.5 c^2 / 20
    hidden = check_schema(measured["hidden_samples"], "hidden_samples")
    assert hidden["instance"].tolist() == [2, 2, 2]
    assert hidden["sample"].tolist() == [0, 1, 2]
    assert hidden["n_present"].tolist() == [1, 1, 2]
    np.testing.assert_allclose(np.stack(hidden["hidden"].to_list()), [[1, 0], [0, 0], [1, 1]])


@pytest.fixture(scope="module")
def swept():
    sweep = {"feature_probability": [1.0, 0.2, 0.0], "learning_rate": [1e-3, 1e-2]}
    experiment = toy_model(sweep=sweep, restarts=3, evaluation={"n_samples": 50})
    generators = [torch.Generator().manual_seed(i) for i in range(18)]
    return measure_toy_models(
        "swept", experiment, 0, initialise(5, 2, generators), sample_held_out("swept", experiment, 0)
    )


def test_lowest_loss_marks_one_restart_of_each_point(swept):
    models = check_schema(swept["models"], "models")
    assert len(models) == 18
    for _, restarts in models.groupby(["seed", "point"]):
        assert len(restarts) == 3
        assert restarts["lowest_loss"].sum() == 1
        assert restarts.loc[restarts["lowest_loss"], "loss"].item() == restarts["loss"].min()
    features = check_schema(swept["features"], "features")
    marked = features.groupby("instance")["lowest_loss"].agg(["min", "max"])
    assert (marked["min"] == models["lowest_loss"]).all()
    assert (marked["max"] == models["lowest_loss"]).all()


def test_swept_values_are_those_of_the_instance(swept):
    models = swept["models"]
    assert models["feature_probability"].tolist() == [1.0] * 6 + [0.2] * 6 + [0.0] * 6
    assert models["learning_rate"].tolist() == ([1e-3] * 3 + [1e-2] * 3) * 3


def test_point_without_any_feature_present(swept):
    absent = swept["models"]["feature_probability"] == 0
    assert swept["models"].loc[absent, "near_ray_fraction"].isna().all()
    hidden = check_schema(swept["hidden_samples"], "hidden_samples")
    assert set(hidden["point"]) == {0, 1, 2, 3}


def test_plotted_samples_are_few(monkeypatch, swept):
    assert swept["hidden_samples"].groupby("instance").size().max() == 50
    monkeypatch.setattr(toy_model_measurement, "N_PLOTTED", 2)
    experiment = toy_model(restarts=1)
    parameters = {"W": PENTAGON[None], "b_final": torch.zeros(1, 5)}
    tables = measure_toy_models("few", experiment, 0, parameters, SparseSamples.from_dense(X[None]))
    assert tables["hidden_samples"]["sample"].tolist() == [0, 1]


def test_no_angles_outside_two_dimensions():
    experiment = toy_model(model={"n_hidden": 3, "kind": "linear"}, restarts=1)
    parameters = initialise(5, 3, [torch.Generator().manual_seed(0)])
    tables = measure_toy_models("deep", experiment, 0, parameters, sample_held_out("deep", experiment, 0))
    models = check_schema(tables["models"], "models")
    assert models["gap_deviation"].isna().all()
    assert models["rank"].item() == 3
    assert {len(direction) for direction in tables["features"]["direction"]} == {3}


def test_broken_model_is_refused():
    parameters = {"W": PENTAGON[None].clone(), "b_final": torch.zeros(1, 5)}
    parameters["W"][0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="1 of 10 values are NaN or infinite"):
        measure_toy_models("broken", toy_model(restarts=1), 0, parameters, SparseSamples.from_dense(X[None]))


# Autoencoders. The features are a pentagon of radius 2. For each, one sample of length .2, one of .5, one of 1; five more
# are empty: 20 in all.

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
    n_latents = parameters["b_enc"].shape[1]
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
    # gamma = (.14^2 + .64^2) / (.14 * .5 + .64 * 1); the ratios of norms are 0, .28 and .64. By symmetry the mean of h is
    # 0, and so fvu = (.2^2 + 2 * .36^2) / (.2^2 + .5^2 + 1). Two points of each feature are longer than .4, on the line
    # of slope 1 and intercept -.36.
    row = truth["saes"].iloc[0]
    expected = {"recall": 2 / 3, "f1": 0.8, "l0": 10 / 20, "true_l0": 15 / 20}
    expected |= {"gamma": 0.4292 / 0.71, "norm_ratio": 0.92 / 3, "fvu": 0.2992 / 1.29}
    expected |= {"shrinkage_slope": 1, "shrinkage_intercept": BIAS}
    assert row[list(expected)].to_dict() == pytest.approx(expected, rel=1e-5)


def test_keys_and_settings_of_autoencoders():
    rows = measure(*[true_autoencoder()] * 4, sweep={"sparsity_penalty": [0.1, 0.3]}, restarts=2)["saes"]
    assert rows["instance"].tolist() == [0, 1, 2, 3]
    assert rows["point"].tolist() == [0, 0, 1, 1]
    assert rows["restart"].tolist() == [0, 1, 0, 1]
    assert rows["sparsity_penalty"].tolist() == [0.1, 0.1, 0.3, 0.3]
    expected = {"sae": "by_hand", "seed": 7, "architecture": "relu", "toy_model": "tiny", "model_instance": 12}
    expected |= {"n_latents": 5, "n_features": 5, "learning_rate": 1e-3, "n_eval": 20}
    assert (rows[list(expected)] == pd_row(expected)).all(axis=None)
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
    assert row[["gamma", "shrinkage_slope", "shrinkage_intercept"]].isna().all()
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
    np.testing.assert_allclose(numbers, truth["saes"][numbers.columns], rtol=1e-5, atol=1e-2)


def test_autoencoders_do_not_mix(truth):
    tables = measure(true_autoencoder(bias=-100.0), true_autoencoder())
    columns = ["gamma", "n_dead", "l0", "recall"]
    np.testing.assert_allclose(
        tables["saes"].loc[1, columns].astype(float), truth["saes"].loc[0, columns].astype(float)
    )
    assert set(tables["single_feature_responses"]["instance"]) == {1}


@pytest.mark.parametrize("chunk", [1, 7])
def test_scores_do_not_depend_on_the_chunk(monkeypatch, truth, chunk):
    monkeypatch.setattr(sae_measurement, "CHUNK", chunk)
    assert measure(true_autoencoder())["saes"].equals(truth["saes"])


def test_line_of_the_optimal_symmetric_autoencoder():
    # Orthogonal features do not meet: slope 1, intercept -penalty d / 2.
    directions = torch.eye(2)[None]
    autoencoder = {"W_enc": directions, "W_dec": directions, "b_enc": torch.zeros(1, 2), "b_dec": torch.zeros(1, 2)}
    x = torch.linspace(0, 1, 20)[:, None, None] * torch.eye(2)
    row = measure(autoencoder, x=x.reshape(40, 2), W=torch.eye(2), sparsity_penalty=0.3)["saes"].iloc[0]
    assert row["symmetric_slope"] == pytest.approx(1, abs=1e-2)
    assert row["symmetric_intercept"] == pytest.approx(-0.3, abs=1e-2)
