"""The tables of a sparse-autoencoder sweep at one seed: the autoencoders, their latents, their response to one feature,
and absorption along the edges of a tree (see schemas/tables.yaml).

Every score is taken on held-out samples against the true features, the columns of W.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition import metrics, saes
from superposition.ground_truth import GroundTruth, HeldOut
from superposition.matching import cosine_similarity
from superposition.runs import list_instances
from superposition.sae_coder import Coder
from superposition.sae_references import measure_references
from superposition.sae_scores import MIN_LENGTH, score
from superposition.sae_settings import setting_of_instances
from superposition.seeding import numpy_generator
from superposition.shrinkage import optimal_symmetric_encoder

__all__ = ["MIN_LENGTH", "measure_saes"]

N_PLOTTED = 400
MAX_LISTED = 100
AS_TRAINED = "as_trained"
BATCH = "batch"  # the architectures' name for encoding a batch together, as in training


def measure_saes(
    name: str,
    sae: dict,
    seed: int,
    parameters: saes.Parameters,
    W: Tensor,
    model_instance: int | None,
    x: Tensor | HeldOut,
    bias: Tensor | None = None,
    parents: Tensor | None = None,
    sets: Tensor | None = None,
) -> dict[str, pd.DataFrame]:
    """Tables `saes`, `latents`, `single_feature_responses` and `absorption` of all instances in all their modes.

    Args:
        W, bias: (d_in, n_features) and (d_in,) of the toy model or dictionary that supplied the activations h = x W^T +
            bias; a toy model has no bias
        model_instance: of the toy model; None for a dictionary
        x: (samples, n_features) held-out samples; see GroundTruth
        parents, sets: (n_features,) int64, the features' tree and sets, -1 for none
    """
    truth = GroundTruth.of(W, x, bias, parents, sets)
    references = measure_references(truth, sae["n_latents"], numpy_generator(seed, name, "floor"))
    settings = tabulate_settings(name, sae, seed, truth, model_instance)
    architecture = saes.make_architecture(sae)
    tables = {"saes": [], "latents": [], "single_feature_responses": [], "absorption": []}
    for setting in settings.to_dict("records"):
        one = one_of(parameters, setting["instance"])
        for mode, coder in list_coders(architecture, one, sae["training"]["batch_size"]):
            key = {"sae": name, "seed": seed, "instance": setting["instance"], "mode": mode}
            scores = score(truth, coder)
            tables["saes"].append(pd.DataFrame([setting | key | references | scores.summary]))
            weights = architecture.weights(one)
            own = {
                "latent": range(coder.n_latents),
                "bias": weights["b_enc"][0].double().numpy(),
                "encoder": list(weights["W_enc"][0].T.numpy()),
                "decoder": list(saes.normalise_decoder(weights)[0].numpy()),
                "encoder_cosines": list_cosines(truth, truth.within_span(weights["W_enc"][0].T.numpy())),
                "decoder_cosines": list_cosines(truth, weights["W_dec"][0].numpy()),
            }
            tables["latents"].append(pd.DataFrame(scores.latents | own))
            responses = pd.DataFrame({"sample": range(len(scores.responses["feature"]))} | scores.responses)
            tables["single_feature_responses"].append(responses.head(N_PLOTTED))
            tables["absorption"].append(pd.DataFrame(scores.edges))
            for table in ("latents", "single_feature_responses", "absorption"):
                tables[table][-1] = tables[table][-1].assign(**key)
    measured = {table: pd.concat(parts, ignore_index=True) for table, parts in tables.items()}
    measured["latents"] = with_nulls(measured["latents"], "feature", "nearest_feature")
    measured["absorption"] = with_nulls(measured["absorption"], "parent_latent", "child_latent")
    agreement = compare_restarts(settings, [architecture.weights(one_of(parameters, i)) for i in settings["instance"]])
    measured["saes"]["restart_mcc"] = measured["saes"]["instance"].map(agreement)
    return measured


def list_cosines(truth: GroundTruth, directions: np.ndarray) -> list[np.ndarray]:
    """Of each of the directions (n_latents, d_in) with the true features in their order, NaN for one of length 0.

    None where there are more than MAX_LISTED features, whose cosines would be too many to keep.
    """
    if truth.n_features > MAX_LISTED:
        return [np.empty(0, np.float32)] * len(directions)
    return list(cosine_similarity(truth.directions, directions).T.astype(np.float32))


def one_of(parameters: saes.Parameters, instance: int) -> saes.Parameters:
    """The parameters of one instance, as a stack of one."""
    return {key: tensor[instance, None] for key, tensor in parameters.items()}


def compare_restarts(settings: pd.DataFrame, weights: list[saes.Parameters]) -> dict[int, float]:
    """instance -> mean MCC of its decoder with those of the other restarts at its point: they share their truth, which
    other seeds do not."""
    agreement = {}
    for instances in settings.groupby("point")["instance"].apply(list):
        decoders = [weights[instance]["W_dec"][0].numpy() for instance in instances]
        agreement |= dict(zip(instances, metrics.mcc_with_others(decoders), strict=True))
    return agreement


def tabulate_settings(name: str, sae: dict, seed: int, truth: GroundTruth, model_instance: int | None) -> pd.DataFrame:
    """One row per instance, with what it was fitted to and how."""
    instances = list_instances(sae).assign(
        sae=name,
        seed=seed,
        architecture=sae["architecture"],
        toy_model=sae.get("toy_model"),
        dictionary=sae.get("dictionary"),
        model_instance=model_instance,
        sparsity_penalty=setting_of_instances(sae, "sparsity_penalty"),
        learning_rate=setting_of_instances(sae, "learning_rate"),
        **{name: setting_of_instances(sae, name) for name in ("k", "target_l0", "threshold_init", "bandwidth")},
        n_eval=truth.n_samples,
        n_latents=sae["n_latents"],
        n_features=truth.n_features,
    )
    plain = saes.make_architecture(sae) == saes.ReluSae()  # the one whose best encoder is known
    derived = plain and sae.get("toy_model") is not None
    penalties = instances["sparsity_penalty"].unique() if derived else ()
    optima = {penalty: optimal_symmetric_encoder(truth.W, truth.x[:], penalty) for penalty in penalties}
    undefined = float("nan"), float("nan")
    for i, column in enumerate(("symmetric_slope", "symmetric_intercept")):
        instances[column] = [optima.get(penalty, undefined)[i] for penalty in instances["sparsity_penalty"]]
    return instances


def list_coders(
    architecture: saes.Architecture, parameters: saes.Parameters, batch_size: int
) -> Iterator[tuple[str, Coder]]:
    """(mode, coder) of one autoencoder, for every way in which its architecture encodes.

    An architecture with several names them in `modes` and takes one as third argument of `encode`. In the mode "batch"
    samples have an effect on one another: they are encoded in batches of the size that it was trained with.
    """
    weights = architecture.weights(parameters)
    n_latents = weights["W_dec"].shape[1]

    def decode(z: Tensor) -> Tensor:
        return architecture.decode(parameters, z[:, None])[:, 0]

    def encode(h: Tensor, *mode: str) -> Tensor:
        return architecture.encode(parameters, h[:, None], *mode)[:, 0]

    with torch.no_grad():
        b_dec = decode(torch.zeros(1, n_latents))
        lengths = (decode(torch.eye(n_latents)) - b_dec).norm(dim=1)  # of what is written, normalised or not
    decoder = saes.normalise_decoder(weights)[0] * lengths[:, None]
    directions = weights["W_enc"][0].T.numpy(), decoder.numpy(), b_dec[0].numpy()
    modes = getattr(architecture, "modes", ())
    if not modes:
        yield AS_TRAINED, Coder(encode, decode, *directions)
    for mode in modes:
        encode_so = partial(lambda mode, h: encode(h, mode), mode)
        together = batch_size if mode == BATCH else None
        yield AS_TRAINED if mode == BATCH else mode, Coder(encode_so, decode, *directions, together)


def with_nulls(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The same with null for -1 in columns of indices."""
    return frame.assign(**{column: frame[column].astype("Int32").mask(frame[column] == -1) for column in columns})
