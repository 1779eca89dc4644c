"""Which keys a sparse autoencoder's architecture has, must have, and how they limit each other."""

import math

from pipeline.problems import Findings, quote, show_value

PENALISED = ("relu", "gated", "jumprelu", "p_annealing", "matryoshka_relu")
SELECTING = ("topk", "batchtopk", "matryoshka_batchtopk")
BATCHED = ("batchtopk", "matryoshka_batchtopk")  # k is an average
MATRYOSHKA = ("matryoshka_batchtopk", "matryoshka_relu")
LINEAR = ("relu", "jumprelu", "p_annealing", "matryoshka_relu", *SELECTING)
TRAINED = (*LINEAR, "gated", "matching_pursuit")
FITTED = ("pca", "ica", "nmf", "random")

# The architectures that have a key; the others' blocks go without it.
OWNERS = {
    "sparsity_penalty": PENALISED,
    "target_l0": PENALISED,
    "k": (*SELECTING, "matching_pursuit", *FITTED),
    "k_start": SELECTING,
    "k_anneal_end": SELECTING,
    "reconstruction_loss": TRAINED,
    "tied": LINEAR,
    "decoder_norm": LINEAR,
    "decoder": TRAINED,
    "decoder_cosine": TRAINED,
    "decoder_bias": TRAINED,
    "initialisation": TRAINED,
    "threshold_init": ("jumprelu",),
    "bandwidth": ("jumprelu",),
    "threshold_scale": ("jumprelu",),
    "l0_penalty": ("jumprelu",),
    "auxiliary_decoder": ("gated",),
    "final_power": ("p_annealing",),
    "anneal_start": ("p_annealing",),
    "aux_coefficient": SELECTING,
    "aux_k": SELECTING,
    "dead_window": SELECTING,
    "threshold_rate": BATCHED,
    "prefixes": MATRYOSHKA,
    "prefix_power": MATRYOSHKA,
    "fit_samples": FITTED,
}
REQUIRED = {"sparsity_penalty": "numbers from 0 to 1000", "k": "numbers above 0", "prefixes": "widths, or how many"}


def check_architecture(sae: dict, raw: dict, unsound: set[tuple]) -> Findings:
    """That the block has the keys of its architecture, no others, and that they agree.

    Args:
        sae: the effective block; raw: as written
        unsound: paths below the block that have problems already, with the paths above them
    """
    architecture = sae.get("architecture")
    if architecture is None:
        return
    for key, owners in OWNERS.items():
        if key in raw and sae.get(key) is not None and architecture not in owners:
            yield (key,), f"is {show_value(sae[key])}: {_allowed_with(owners, architecture)}"
        if key in (sae.get("sweep") or {}) and architecture not in owners and ("sweep", key) not in unsound:
            yield ("sweep", key), f"is given: {_allowed_with(owners, architecture)}"
    for key, allowed in REQUIRED.items():
        if architecture in OWNERS[key] and key not in raw:
            yield (key,), f"is missing: allowed are {allowed}; the architecture {architecture!r} must have it"
    if sae.get("n_latents") is not None and ("sweep",) not in unsound:
        yield from _check_sizes(sae)
    if not unsound:
        yield from _check_options(sae)


def _allowed_with(owners: tuple[str, ...], architecture: str) -> str:
    kind = "architecture" if len(owners) == 1 else "architectures"
    return f"allowed with the {kind} {quote(owners)} alone, not with {architecture!r}"


def _check_sizes(sae: dict) -> Findings:
    """k and target_l0 fit into the latents, k is whole where it must be, and prefixes end with all latents."""
    architecture, n_latents = sae["architecture"], sae["n_latents"]
    for key in ("k", "target_l0"):
        if architecture not in OWNERS[key]:
            continue
        swept = sae["sweep"].get(key)
        values = [sae.get(key)] if swept is None else swept if isinstance(swept, list) else _list_all(swept)
        path = (key,) if swept is None else ("sweep", key)
        values = [value for value in values if value not in (None, "none")]
        if swept is not None and sae.get(key) == "none":
            yield path, "is given: allowed where target_l0 is a number, which it then replaces"
        if values and max(values) > n_latents:
            yield path, f"is up to {max(values):g}: allowed is up to n_latents, {n_latents}"
        elif key == "k" and architecture not in BATCHED and not all(map(_is_whole, values)):
            uneven = next(value for value in values if not _is_whole(value))
            yield path, f"is {uneven:g}: allowed are whole numbers with the architecture {architecture!r}"
    if architecture in SELECTING and isinstance(sae["k_start"], (int, float)) and sae["k_start"] > n_latents:
        yield ("k_start",), f"is {sae['k_start']:g}: allowed is up to n_latents, {n_latents}"
    prefixes = sae.get("prefixes")
    if architecture in MATRYOSHKA and isinstance(prefixes, list) and None not in prefixes:
        if prefixes != sorted(prefixes) or prefixes[-1] != n_latents:
            yield (
                ("prefixes",),
                f"is {prefixes}: allowed are ascending widths that end with n_latents, {n_latents}",
            )
    elif architecture in MATRYOSHKA and isinstance(prefixes, int) and prefixes > n_latents:
        yield ("prefixes",), f"is {prefixes}: allowed are integers from 1 to n_latents, {n_latents}"


def _list_all(spaced: dict) -> list[float]:
    """The values of a sweep, up to rounding; both ends as they are."""
    start, stop, points = spaced["start"], spaced["stop"], spaced["points"]
    if points == 1:
        return [start]
    shares = [i / (points - 1) for i in range(1, points - 1)]
    if spaced["spacing"] == "linear":
        between = [start + (stop - start) * share for share in shares]
    else:
        between = [start * (stop / start) ** share for share in shares] if min(start, stop) > 0 else []
    return [start, *between, stop]


def _is_whole(value: float) -> bool:
    """Up to the rounding of values between the ends of a sweep."""
    return math.isclose(value, round(value), rel_tol=1e-9)


def _check_options(sae: dict) -> Findings:
    """Frozen decoders are decoders of their own that nothing restarts; a target in the loss has its number."""
    architecture, frozen = sae["architecture"], sae.get("decoder", "trained")
    if architecture in TRAINED and frozen != "trained":
        if architecture in LINEAR and (architecture == "jumprelu" if sae["tied"] == "auto" else sae["tied"]):
            yield ("decoder",), f"is {frozen!r}: allowed is 'trained' where the weights are tied"
        if sae["resampling"]["method"] != "none":
            method = sae["resampling"]["method"]
            yield ("resampling", "method"), f"is {method!r}: allowed is 'none' where the decoder is {frozen!r}"
    if architecture == "jumprelu" and sae["l0_penalty"] == "target" and sae["target_l0"] == "none":
        yield ("l0_penalty",), "is 'target': allowed is 'count' where target_l0 is 'none'"
