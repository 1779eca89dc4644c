"""What an autoencoder sweep sets otherwise than by default, in words, for the paper's table of methods."""

from superposition.reporting import describe_values

# What is set, the schema's default of it, and what is said where it differs: a text with a place for the value, or a
# text for each value. Swept values stand in the place of the single one.
OPTIONS = (
    ("instance", "lowest_loss", "instance {} of the toy model"),
    ("k_start", "none", "k falls from {}"),
    ("k_anneal_end", 0.5, "up to {} of training"),
    ("reconstruction_loss", "mean", {"sum": "error summed over dimensions"}),
    ("tied", "auto", {True: "tied", False: "untied"}),
    ("decoder_norm", "auto", {"unit": "unit rows", "projected": "unit rows, projected gradient", "free": "free rows"}),
    ("decoder", "trained", {"frozen": "decoder frozen", "soft_frozen": "decoder soft-frozen"}),
    ("decoder_cosine", 0.8, "within a cosine of {}"),
    ("decoder_bias", True, {False: "no decoder bias"}),
    (
        "initialisation.method",
        "uniform",
        {
            "transposed": "encoder starts as transpose",
            "truth": "starts at the truth",
            "orthogonal": "decoder starts orthogonal",
        },
    ),
    ("initialisation.norm", 1.0, "initial norm {}"),
    ("initialisation.noise", 0.0, "initial noise {}"),
    ("threshold_init", 0.1, "initial threshold {}"),
    ("bandwidth", 0.01, "bandwidth {}"),
    ("threshold_scale", "log", {"direct": "threshold learned directly"}),
    ("l0_penalty", "count", {"target": "penalty on the distance from the target L0"}),
    ("auxiliary_decoder", "frozen", {"trained": "auxiliary loss trains the decoder"}),
    ("final_power", 0.2, "final power {}"),
    ("anneal_start", 0.0, "power falls from {} of the steps"),
    ("aux_coefficient", 0.03125, "AuxK weight {}"),
    ("aux_k", "half", "AuxK of {} latents"),
    ("dead_window", 1_000, "dead after {} steps"),
    ("threshold_rate", 0.01, "threshold rate {}"),
    ("prefixes", None, "prefixes {}"),
    ("prefix_power", 0.5, "prefix power {}"),
    ("resampling.scale", 0.5, "resampled norm {}"),
    ("resampling.reset_moments", False, {True: "moments reset"}),
    ("training.decay_steps", "all", "rate falls over the last {} steps"),
    ("training.beta1", 0.9, "β₁ = {}"),
    ("training.beta2", 0.999, "β₂ = {}"),
    ("training.gradient_clip", "none", "gradient clipped at {}"),
    ("training.sparsity_warmup_steps", 0, "penalty rises over {} steps"),
    ("training.normalise_activations", "none", {"sqrt_d_in": "activations scaled to a mean length of √d"}),
    ("training.control_strength", 0.0003, "control strength {}"),
)


def describe_options(block: dict) -> str:
    """Each option that differs from its default, in the order of the schema; empty if none does."""
    clauses = []
    for path, default, phrase in OPTIONS:
        value = read_option(block, path)
        if value in (None, default):
            continue
        if path == "prefixes" and not isinstance(value, list):
            clauses.append(f"{describe_values(value)} drawn prefixes")
        else:
            clauses.append(phrase[value] if isinstance(phrase, dict) else phrase.format(describe_values(value)))
    return ", ".join(clauses)


def read_option(block: dict, path: str):
    """The values that an option is swept over, or its single value; None where the architecture has no such option."""
    outer, _, inner = path.rpartition(".")
    return block["sweep"].get(inner, (block.get(outer, {}) if outer else block).get(inner))
