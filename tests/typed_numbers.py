"""The digits that the paper's prose may have: (file, smallest phrase, reason, places in the configuration).

Reasons are "setting" (each number of the phrase is a value of one of the places), "source" (a statement about a cited
paper) and "theory" (a name, a theorem).
"""

LOCAL = "toy_models.local_bases.sweep.feature_probability"
COLLAPSING = "toy_models.collapsing_pairs.sweep.feature_probability"
NEURONS = "toy_models.neurons_ten_in_five.sweep.feature_probability"
COMPUTING = "toy_models.absolute_value_hundred_in_forty"
UNIFORM = "toy_models.uniform_400_in_30"

ALLOWED = (
    ("correlated_features", "$p = 0.03$", "setting", (LOCAL,)),
    ("correlated_features", "$p = 0.1$", "setting", (LOCAL, COLLAPSING)),
    ("correlated_features", "$p = 0.3$", "setting", (LOCAL,)),
    ("correlated_features", "$p = 0.5$", "setting", (COLLAPSING,)),
    ("correlated_features", "$p = 0.9$", "setting", (COLLAPSING,)),
    ("geometry", "$D = 1$", "theory", ()),
    ("geometry", "densities between 0.3 and 0.5", "setting", (f"{UNIFORM}.sweep.feature_probability",)),
    (
        "geometry",
        "400 features in 30 dimensions",
        "setting",
        (f"{UNIFORM}.model.n_features", f"{UNIFORM}.model.n_hidden"),
    ),
    (
        "geometry",
        "200 in 20",
        "setting",
        tuple(f"toy_models.uniform_200_in_20.model.n_{n}" for n in ("features", "hidden")),
    ),
    ("geometry", "2.5 times rarer, a ratio of 0.4", "source", ()),
    ("privileged_basis", "$p = 0.35$", "setting", (NEURONS,)),
    ("privileged_basis", "$p = 0.15$", "setting", (NEURONS,)),
    ("privileged_basis", "$p = 0.1$", "setting", (NEURONS,)),
    ("privileged_basis", "$p = 0.06$", "setting", (NEURONS,)),
    ("privileged_basis", "$p = 0.04$", "setting", (NEURONS,)),
    ("privileged_basis", "$p = 0.01$", "setting", (f"{COMPUTING}.sweep.feature_probability",)),
    (
        "privileged_basis",
        "$p = 0.5$",
        "setting",
        ("toy_models.absolute_value_twenty_in_ten.sweep.feature_probability",),
    ),
    ("privileged_basis", "5,000 steps", "source", ()),
    ("privileged_basis", "for 30,000, as we do", "setting", (f"{COMPUTING}.training.steps",)),
    ("sae_benchmarks", "F1", "theory", ()),
    ("sae_hierarchies", "L1", "theory", ()),
    ("sae_hierarchies", "feature 1", "theory", ()),
    ("sae_hierarchies", "feature 2", "theory", ()),
)
