"""Claims on autoencoders of features that form hierarchies or come in combinations: absorption, composed features."""

import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import of_experiment, share_per_seed

SECTION = "sae_hierarchies"
CHANIN = "Chanin et al. 2024, section 3"
NABESHIMA = "Nabeshima 2024; Bussmann et al. 2025"
ANDERS = "Anders et al. 2024"
INDEPENDENT, HIERARCHICAL, TIED = "absorption_independent", "absorption_hierarchical", "absorption_tied"
TREE_RELU, TREE_BATCHTOPK, TREE_MATRYOSHKA = "tree_relu", "tree_batchtopk", "tree_matryoshka"
ALWAYS, RARELY = "composed_always", "composed_rarely"
FAMILY = (0, 1)  # the parent and its child; the other features have no kin


def trained(tables: Tables, table: str, sae: str) -> pd.DataFrame:
    """The rows of a sweep, encoded as in training: one per autoencoder in the table `saes`."""
    rows = of_experiment(tables[table], sae)
    return rows[rows["mode"] == "as_trained"]


def mean_score(tables: Tables, sae: str, column: str) -> pd.Series:
    """Mean over autoencoders; NaN at a seed where any autoencoder's value is undefined."""
    return trained(tables, "saes", sae).groupby("seed")[column].mean(skipna=False)


def mean_of_edges(tables: Tables, sae: str, column: str) -> pd.Series:
    """Mean over the edges of the tree and autoencoders; NaN at a seed where any value is undefined."""
    return trained(tables, "absorption", sae).groupby("seed")[column].mean(skipna=False)


def median_of_edges(tables: Tables, sae: str, column: str) -> pd.Series:
    """Median over the edges and autoencoders, the typical outcome; NaN at a seed where any value is undefined."""
    edges = trained(tables, "absorption", sae)
    return edges.groupby("seed")[column].agg(lambda values: values.median(skipna=False))


def lowest_cosine(tables: Tables, sae: str, column: str, without: tuple[int, ...] = ()) -> pd.Series:
    """Median over autoencoders of the smallest cosine of a latent with its feature; 0 where a latent has none.

    Args:
        column: of the encoder or of the decoder with all features
        without: features that do not count
    """
    latents = trained(tables, "latents", sae)
    latents = latents[~latents["feature"].isin(without)]
    cosines = [
        row[int(feature)] if pd.notna(feature) else 0.0
        for row, feature in zip(latents[column], latents["feature"], strict=True)
    ]
    lowest = pd.Series(cosines, latents.index, dtype=float).groupby([latents["seed"], latents["instance"]]).min()
    return lowest.groupby("seed").median()


def parent_cosine(tables: Tables, sae: str) -> pd.Series:
    """Median |cosine|, over autoencoders, of the child's latent's decoder with the parent."""
    edges = trained(tables, "absorption", sae)
    return edges["child_decoder_parent_cosine"].abs().groupby(edges["seed"]).median()


def count_absorbed(tables: Tables, sae: str) -> pd.Series:
    """Mean over autoencoders of the number of children whose latent writes the parent while the parent's is silent."""
    edges = trained(tables, "absorption", sae)
    absorbed = (edges["child_decoder_parent_cosine"] >= 0.3) & (edges["recall_child"] <= 0.2)
    return absorbed.groupby([edges["seed"], edges["instance"]]).sum().groupby("seed").mean()


def recall_of_parents(tables: Tables, sae: str) -> pd.Series:
    """Share of the samples with a parent on which its latent fires, mean over edges and autoencoders."""
    edges = trained(tables, "absorption", sae)
    fired = edges["recall_alone"] * edges["n_alone"] + edges["recall_child"] * edges["n_child"]
    return (fired / (edges["n_alone"] + edges["n_child"])).groupby(edges["seed"]).mean()


def composed_less_true(tables: Tables, sae: str) -> pd.DataFrame:
    """The autoencoders of a sweep with `excess`, the mean of their latents' largest cosines with sums of two features
    less that with features."""
    saes = trained(tables, "saes", sae)
    return saes.assign(excess=saes["composed_cosine"] - saes["true_cosine"])


def share_composed(tables: Tables, sae: str) -> pd.Series:
    saes = composed_less_true(tables, sae)
    return share_per_seed(saes, saes["excess"] > 0)


def list_composed_parts(sae: str) -> tuple[Part, ...]:
    return (
        Part(
            "share of autoencoders nearer to sums of two features than to features",
            lambda t: share_composed(t, sae),
            ">=",
            (0.7,),
        ),
        Part(
            "mean largest cosine with sums less that with features",
            lambda t: composed_less_true(t, sae).groupby("seed")["excess"].mean(skipna=False),
            ">",
            (0.0,),
        ),
    )


CLAIMS = [
    Claim(
        "S9-independent",
        SECTION,
        CHANIN,
        "Of independent features, every latent's encoder and decoder point along one.",
        (INDEPENDENT,),
        ("absorption",),
        (
            Part(
                "smallest cosine of a decoder row with its feature, median over autoencoders",
                lambda t: lowest_cosine(t, INDEPENDENT, "decoder_cosines"),
                ">=",
                (0.97,),
            ),
            Part(
                "smallest cosine of an encoder with its feature, median over autoencoders",
                lambda t: lowest_cosine(t, INDEPENDENT, "encoder_cosines"),
                ">=",
                (0.97,),
            ),
        ),
    ),
    Claim(
        "S9-absorption",
        SECTION,
        CHANIN,
        "A child that is only present with its parent absorbs it: its latent writes both, the parent's falls silent.",
        (HIERARCHICAL,),
        ("absorption",),
        (
            Part(
                "cosine of the parent's latent's decoder with the parent",
                lambda t: median_of_edges(t, HIERARCHICAL, "parent_decoder_cosine"),
                ">=",
                (0.97,),
            ),
            Part(
                "cosine of its encoder with the child",
                lambda t: median_of_edges(t, HIERARCHICAL, "parent_encoder_child_cosine"),
                "<=",
                (-0.3,),
            ),
            Part(
                "cosine of the child's latent's decoder with the parent",
                lambda t: median_of_edges(t, HIERARCHICAL, "child_decoder_parent_cosine"),
                "in",
                (0.6, 0.8),
            ),
            Part(
                "cosine of the child's latent's decoder with the child",
                lambda t: median_of_edges(t, HIERARCHICAL, "child_decoder_cosine"),
                "in",
                (0.6, 0.8),
            ),
            Part(
                "share of samples with parent and child on which the parent's latent fires",
                lambda t: median_of_edges(t, HIERARCHICAL, "recall_child"),
                "<",
                (0.05,),
            ),
            Part(
                "smallest cosine of a decoder row with a feature without kin, median over autoencoders",
                lambda t: lowest_cosine(t, HIERARCHICAL, "decoder_cosines", without=FAMILY),
                ">=",
                (0.97,),
            ),
        ),
    ),
    Claim(
        "S9-tied",
        SECTION,
        "Chanin et al. 2024, on tied weights",
        "With tied weights there is no absorption: one direction cannot write the child and ignore the parent.",
        (TIED,),
        ("absorption",),
        (
            Part(
                "smallest cosine of a decoder row with its feature, median over autoencoders",
                lambda t: lowest_cosine(t, TIED, "decoder_cosines"),
                ">=",
                (0.97,),
            ),
            Part(
                "|cosine| of the child's latent's decoder with the parent, median over autoencoders",
                lambda t: parent_cosine(t, TIED),
                "<=",
                (0.01,),
                origin="calibrated",
            ),
        ),
    ),
    Claim(
        "S8",
        SECTION,
        NABESHIMA,
        "On a tree of features a plain autoencoder absorbs the parents, and a Matryoshka autoencoder finds them.",
        (TREE_RELU, TREE_MATRYOSHKA),
        ("tree_absorption",),
        (
            Part("children of nine that absorb, ReLU", lambda t: count_absorbed(t, TREE_RELU), ">=", (7,)),
            Part(
                "share of samples with a parent on which its latent fires, Matryoshka",
                lambda t: recall_of_parents(t, TREE_MATRYOSHKA),
                ">=",
                (0.9,),
            ),
            Part(
                "cosine of a child's latent's decoder with the parent, Matryoshka",
                lambda t: mean_of_edges(t, TREE_MATRYOSHKA, "child_decoder_parent_cosine"),
                "<=",
                (0.2,),
            ),
            Part(
                "mean |cosine| of matched decoder rows, Matryoshka less ReLU",
                lambda t: mean_score(t, TREE_MATRYOSHKA, "mcc") - mean_score(t, TREE_RELU, "mcc"),
                ">=",
                (0.05,),
            ),
        ),
    ),
    Claim(
        "S11-always",
        SECTION,
        ANDERS,
        "Where every sample is a sum of two features, autoencoders find the sums, at nearly any penalty and rate.",
        (ALWAYS,),
        ("composed_features",),
        list_composed_parts(ALWAYS),
    ),
    Claim(
        "S11-rarely",
        SECTION,
        ANDERS,
        "They still do where only a quarter of the samples are sums and the others single features.",
        (RARELY,),
        ("composed_features",),
        list_composed_parts(RARELY),
    ),
]
