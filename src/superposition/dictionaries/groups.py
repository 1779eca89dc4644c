"""Groups of features that depend on each other: trees of parents and children, and sets of which one is present."""

from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-6  # by which probabilities may exceed 1


@dataclass(frozen=True)
class Group:
    """Consecutive features: `size` for each feature of the parent group or, without one, for each of `count` sets.

    Attributes:
        begin: index of the first feature
        size, count: features of a family (the children of one parent, or one set), and how many families there are
        parent: the group whose features are the parents, one for each family; None if there are none
        choice: independent, at_most_one or exactly_one of a family
        given_parent: whether the declared probabilities are those given the parent, rather than the features' own
        scaled: whether the magnitude is multiplied by that of the parent over its mean
    """

    begin: int
    size: int
    count: int
    parent: "Group | None"
    choice: str
    given_parent: bool = False
    scaled: bool = False

    @property
    def span(self) -> slice:
        return slice(self.begin, self.begin + self.size * self.count)

    @property
    def is_free(self) -> bool:
        """Whether its features depend on no other feature, but for a correlation."""
        return self.parent is None and self.choice == "independent"


def list_groups(block: dict) -> list[Group]:
    """The groups of a dictionary's block in the order of their features; features in none are one group at the end."""
    groups: dict[str, Group] = {}
    begin = 0
    for each in block["groups"]:
        parent = groups[each["parent"]] if "parent" in each else None
        count = parent.size * parent.count if parent else each["count"]
        given_parent, scaled = each["probability_of"] == "feature_given_parent", each["scale_by_parent"]
        group = Group(begin, each["n_features"], count, parent, each["choice"], given_parent, scaled)
        groups[each["name"]], begin = group, group.span.stop
    rest = block["n_features"] - begin
    if rest < 0:
        raise ValueError(f"groups have {begin} features: allowed are at most n_features, {block['n_features']}")
    return [*groups.values(), *([Group(begin, rest, 1, None, "independent")] if rest else [])]


def parents_of_features(groups: list[Group], n_features: int) -> np.ndarray:
    """(n_features,) int64: the parent of each feature, -1 for none."""
    parents = np.full(n_features, -1, dtype=np.int64)
    for group in groups:
        if group.parent:
            span = group.parent.span
            parents[group.span] = np.repeat(np.arange(span.start, span.stop), group.size)
    return parents


def sets_of_features(groups: list[Group], n_features: int) -> np.ndarray:
    """(n_features,) int64: the set of each feature, -1 for none. One feature of every set is in every sample."""
    sets, n_sets = np.full(n_features, -1, dtype=np.int64), 0
    for group in groups:
        if group.parent is None and group.choice == "exactly_one":
            sets[group.span] = np.repeat(np.arange(n_sets, n_sets + group.count), group.size)
            n_sets += group.count
    return sets


def gate_probabilities(
    groups: list[Group], declared: np.ndarray, positive_share: np.ndarray, excess: str = "error"
) -> tuple[np.ndarray, np.ndarray]:
    """What is drawn so that features fire with the declared probabilities.

    A feature's own probability is divided by its parent's (compensation), since it can fire only where that is present.
    Of a family of which exactly one is present the declared probabilities are ratios.

    Args:
        declared: (n_features,) float64 probability of each feature, or given its parent where the group says so
        positive_share: (n_features,) share of a feature's magnitudes that are above 0; the others count as absence
        excess: what happens to children that are asked to be present more often than their parent, or, of which at most
            one is, than it in sum: "error", or "lower" to what their parent allows

    Returns:
        gate, marginal: (n_features,) float64 probabilities of being present, given the parent and overall

    Raises:
        ValueError: if a probability would exceed 1, and excess is "error"
    """
    gate, marginal = np.zeros_like(declared), np.zeros_like(declared)
    for group in groups:
        families = (group.count, group.size)
        own = declared[group.span].reshape(families)
        above = marginal[group.parent.span][:, None] if group.parent else np.ones((group.count, 1))
        given = own if group.given_parent or group.parent is None else _divide(own, above)
        if group.choice == "exactly_one":
            given = _divide(given, given.sum(1, keepdims=True))
        total = given if group.choice == "independent" else given.sum(1, keepdims=True)
        if total.max(initial=0) > 1 + ROUNDING and (excess == "error" or group.parent is None):
            raise ValueError(_too_frequent(group, total))
        given = given / np.maximum(total, 1)
        gate[group.span] = (given * positive_share[group.span].reshape(families)).ravel()
        marginal[group.span] = (gate[group.span].reshape(families) * above).ravel()
    return gate, marginal


def _divide(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    return np.divide(values, by, out=np.zeros(np.broadcast_shapes(values.shape, by.shape)), where=by > 0)


def _too_frequent(group: Group, total: np.ndarray) -> str:
    family = int(total.max(axis=1).argmax())
    first = group.begin + family * group.size
    who = f"features {first} to {first + group.size - 1}"
    if group.choice == "independent":
        who = f"feature {first + int(total[family].argmax())}"
    given = f" given feature {group.parent.begin + family}" if group.parent else ""
    lower = ", or probability_excess: lower" if group.parent else ""
    return f"{who} would have the probability {total.max():g}{given}: allowed are probabilities up to 1{lower}"
