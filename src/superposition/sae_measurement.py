"""The tables of a sparse-autoencoder sweep at one seed: the autoencoders, their latents, their response to one feature.

Every score is taken on the toy model's held-out samples against its true features, the columns of W.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition import metrics, saes
from superposition.matching import cosine_similarity, match_one_to_one
from superposition.runs import list_instances
from superposition.sae_settings import setting_of_instances
from superposition.seeding import numpy_generator
from superposition.shrinkage import optimal_symmetric_encoder

RECOVERED_COSINE = 0.95  # in two dimensions the neighbours of a pentagon are 72 degrees apart, at cosine 0.31
CHUNK = 16_384  # samples per pass: bounds the memory of wide autoencoders
MIN_LENGTH = 0.4  # inputs long enough that every unbiased latent is well past its threshold
N_FLOOR_DRAWS = 1_000
N_PLOTTED = 400


def measure_saes(
    name: str,
    sae: dict,
    seed: int,
    parameters: saes.Parameters,
    W: Tensor,
    model_instance: int | None,
    x: Tensor,
    bias: Tensor | None = None,
) -> dict[str, pd.DataFrame]:
    """Tables `saes`, `latents` and `single_feature_responses` (see schemas/tables.yaml) of all instances.

    Args:
        W: (d_in, n_features) of the toy model or dictionary that supplied the activations
        model_instance: instance of the toy model; None for a dictionary
        x: (samples, n_features) its held-out samples
        bias: (d_in,) of its activations, h = W x + bias; none for a toy model
    """
    rng = numpy_generator(seed, name, "floor")
    floor = metrics.chance_floor(W.T.numpy(), sae["n_latents"], metrics.mmcs_truth, N_FLOOR_DRAWS, rng)
    instances = list_instances(sae).assign(
        sae=name,
        seed=seed,
        architecture=sae["architecture"],
        toy_model=sae.get("toy_model"),
        dictionary=sae.get("dictionary"),
        model_instance=model_instance,
        sparsity_penalty=setting_of_instances(sae, "sparsity_penalty"),
        learning_rate=setting_of_instances(sae, "learning_rate"),
        mmcs_truth_floor=floor.mean,
        n_eval=len(x),
        true_l0=metrics.l0(x.numpy()),
        n_latents=sae["n_latents"],
        n_features=W.shape[1],
    )
    plain = "toy_model" in sae and saes.make_architecture(sae) == saes.ReluSae()  # the one whose best encoder is known
    penalties = instances["sparsity_penalty"].unique() if plain else ()
    optima = {penalty: optimal_symmetric_encoder(W, x, penalty) for penalty in penalties}
    undefined = float("nan"), float("nan")
    for i, column in enumerate(("symmetric_slope", "symmetric_intercept")):
        instances[column] = [optima.get(penalty, undefined)[i] for penalty in instances["sparsity_penalty"]]
    h, architecture = x @ W.T if bias is None else x @ W.T + bias, saes.make_architecture(sae)
    scores, latents, responses = [], [], []
    for instance in instances["instance"]:
        one = {key: tensor[instance, None] for key, tensor in parameters.items()}
        key = {"sae": name, "seed": seed, "instance": instance}
        z, h_hat = reconstruct(architecture, one, h)
        row, latent_rows, response_rows = measure_one(architecture.weights(one), W, x, h, z, h_hat)
        scores.append(row)
        latents.append(latent_rows.assign(**key))
        responses.append(response_rows.assign(**key))
    return {
        "saes": pd.concat([instances, pd.DataFrame(scores)], axis=1),
        "latents": pd.concat(latents, ignore_index=True),
        "single_feature_responses": pd.concat(responses, ignore_index=True),
    }


@torch.no_grad()
def reconstruct(architecture: saes.SparseCode, parameters: saes.Parameters, h: Tensor) -> tuple[Tensor, Tensor]:
    """Latents (samples, n_latents) and reconstruction (samples, d_in) of one autoencoder."""
    latents, outputs = [], []
    for chunk in h[:, None].split(CHUNK):
        z = architecture.encode(parameters, chunk)
        latents.append(z[:, 0])
        outputs.append(architecture.decode(parameters, z)[:, 0])
    return torch.cat(latents), torch.cat(outputs)


def measure_one(
    weights: saes.Parameters, W: Tensor, x: Tensor, h: Tensor, z: Tensor, h_hat: Tensor
) -> tuple[dict, pd.DataFrame, pd.DataFrame]:
    """The scores of one autoencoder, a row per latent, and its responses to single features.

    Args:
        weights: W_enc, b_enc, W_dec of one instance, see `saes.Architecture.weights`
        x, h, z, h_hat: (samples, ...) features, activations, latents and reconstructions
    """
    decoder = saes.normalise_decoder(weights)[0]
    similarity = cosine_similarity(W.T, decoder)
    dead = metrics.dead_latents(z)
    live_similarity = np.where(dead, np.nan, similarity)
    truth_index, latent_index = match_one_to_one(live_similarity)
    gates = metrics.gate_scores(x, z, truth_index, latent_index)
    macro = metrics.macro_scores(gates)
    responses = respond_to_single_features(W, x, z, truth_index, latent_index)
    line = metrics.fit_magnitude_line(responses["length"], responses["activation"], responses["length"] > MIN_LENGTH)
    n_recovered = 0 if dead.all() else metrics.recovered(live_similarity, RECOVERED_COSINE)
    scores = {
        "l0": metrics.l0(z),
        "n_dead": int(dead.sum()),
        "n_recovered": n_recovered,
        "full_recovery": n_recovered == W.shape[1],
        "mmcs_truth": metrics.mmcs_truth(similarity),
        "mmcs_latent": metrics.mmcs_latent(similarity),
        "matched_cosine": metrics.matched_cosine(similarity),
        "nearest_angle": float(metrics.nearest_angles(similarity).mean()),
        "uniqueness": metrics.uniqueness(similarity),
        "fvu": metrics.fvu(h, h_hat),
        "gamma": metrics.gamma(h, h_hat),
        "norm_ratio": metrics.norm_ratio(h, h_hat),
        "precision": macro.precision,
        "recall": macro.recall,
        "f1": macro.f1,
        "shrinkage_slope": line.slope,
        "shrinkage_intercept": line.intercept,
    }
    latents = tabulate_latents(weights, decoder, z, dead, similarity, gates, truth_index, latent_index)
    return scores, latents, responses.head(N_PLOTTED)


def respond_to_single_features(
    W: Tensor, x: Tensor, z: Tensor, truth_index: np.ndarray, latent_index: np.ndarray
) -> pd.DataFrame:
    """Activation of the matched latent against the input's length |W_i| x_i, over samples with exactly one feature."""
    samples = ((x != 0).sum(-1) == 1).nonzero()[:, 0]
    feature = (x[samples] != 0).double().argmax(-1)
    latent_of_feature = torch.full((W.shape[1],), -1)
    latent_of_feature[torch.from_numpy(truth_index)] = torch.from_numpy(latent_index)
    matched = latent_of_feature[feature] >= 0
    samples, feature = samples[matched], feature[matched]
    return pd.DataFrame(
        {
            "sample": range(len(samples)),
            "feature": feature.numpy(),
            "length": (x[samples, feature].double() * W.double().norm(dim=0)[feature]).numpy(),
            "activation": z[samples, latent_of_feature[feature]].double().numpy(),
        }
    )


def tabulate_latents(
    weights: saes.Parameters,
    decoder: Tensor,
    z: Tensor,
    dead: np.ndarray,
    similarity: np.ndarray,
    gates: metrics.GateScores,
    truth_index: np.ndarray,
    latent_index: np.ndarray,
) -> pd.DataFrame:
    """One row per latent; the columns that speak of the matched feature are undefined for a latent without one."""
    n_latents = len(decoder)
    matched = pd.DataFrame(
        {
            "feature": truth_index,
            "cosine": similarity[truth_index, latent_index],
            "precision": gates.precision[truth_index],
            "recall": gates.recall[truth_index],
        },
        index=latent_index,
    )
    rows = pd.DataFrame(
        {
            "latent": range(n_latents),
            "fraction_active": (z != 0).double().mean(0).numpy(),
            "dead": dead,
            "bias": weights["b_enc"][0].double().numpy(),
            "encoder": list(weights["W_enc"][0].T.numpy()),
            "decoder": list(decoder.numpy()),
        }
    ).join(matched)
    return rows.astype({"feature": "Int32"})
