"""What a schema cannot see of a dictionary: keys that belong to one kind, and parts that exclude each other."""

from typing import Any

from pipeline.problems import Findings, Index, quote, show_value, suggest

# The kinds that alone have a key, by the part of the block that the key is in. A key with a default is deleted from the
# blocks of other kinds; one without is required of its own.
OWNERS = {
    "directions": {
        "cosine": ["target_cosine"],
        "steps": ["target_cosine"],
        "learning_rate": ["target_cosine"],
        "vectors": ["given"],
    },
    "magnitude": {"std": ["rectified_normal", "log_normal"]},
    "correlation": {"strength": ["random_matrix", "low_rank"], "rank": ["low_rank"], "matrix": ["given"]},
}
CURVES = {
    "last": ["linear", "zipf", "log_uniform"],
    "ratio": ["geometric"],
    "exponent": ["zipf"],
}
LARGEST_MATRIX = 4096  # features; a matrix of more takes too long to factorise and to sample with


def forget_foreign_keys(block: dict) -> None:
    """Delete from an effective block what defaults have put there for other kinds."""
    for part, owners in OWNERS.items():
        for key, kinds in owners.items():
            if block[part]["kind"] not in kinds:
                block[part].pop(key, None)


def check_dictionary(name: str, block: dict, raw: dict, config: dict, unsound: bool) -> Findings:
    """No other experiment has its name; every part has the keys of its kind; the parts go with each other.

    Args:
        block: the effective block; raw: as it was written
        unsound: whether a part of the block is a problem already
    """
    for section, kind in (("toy_models", "a toy model"), ("saes", "an SAE")):
        if name in config[section]:
            yield (), f"has the name of {kind}: allowed are names that no {kind.split(' ', 1)[1]} has"
    if unsound:
        return
    yield from check_kinds(block, raw)
    yield from check_curve(("probability",), block["probability"])
    yield from check_directions(block)
    complaints = list(check_groups(block))
    yield from complaints
    if not complaints:
        yield from check_correlation(block)
        yield from check_combinations(block)


def check_kinds(block: dict, raw: dict) -> Findings:
    for part, owners in OWNERS.items():
        kind = block[part]["kind"]
        for key, kinds in owners.items():
            written = (raw.get(part) or {}).get(key)
            yield from _check_owned((part, key), "kind", kind, kinds, block[part].get(key), written)


def check_curve(path: tuple, curve: Any) -> Findings:
    for key, curves in CURVES.items() if isinstance(curve, dict) else ():
        yield from _check_owned((*path, key), "curve", curve["curve"], curves, curve.get(key), curve.get(key))


def _check_owned(path: tuple, what: str, kind: str, kinds: list[str], value: Any, written: Any) -> Findings:
    if kind in kinds and value is None:
        yield path, f"is missing: allowed are the {what} {kind!r} with it, or another {what}"
    elif kind not in kinds and written is not None:
        yield path, f"is {show_value(written)}: allowed with the {what} {quote(kinds)} alone, not with {kind!r}"


def check_directions(block: dict) -> Findings:
    directions, n_features, d_in = block["directions"], block["n_features"], block["d_in"]
    if directions["kind"] in ("orthonormal", "identity") and n_features > d_in:
        allowed = f"allowed with n_features up to d_in, {d_in}; there are {n_features}"
        yield ("directions", "kind"), f"is {directions['kind']!r}: {allowed}"
    if directions["kind"] == "given" and "vectors" in directions:
        vectors = directions["vectors"]
        if len(vectors) != n_features:
            yield ("directions", "vectors"), f"is a list of {len(vectors)}: allowed is one of n_features, {n_features}"
        for index, vector in enumerate(vectors):
            if len(vector) != d_in or not any(vector):
                allowed = f"allowed are lists of d_in, {d_in}, numbers, not all 0"
                yield ("directions", "vectors", Index(index)), f"is {show_value(vector)} of {len(vector)}: {allowed}"


def check_groups(block: dict) -> Findings:
    """Names are different, parents come before their children, and all fit into n_features."""
    sizes: dict[str, int] = {}
    for index, group in enumerate(block["groups"]):
        path, name, parent = ("groups", Index(index)), group["name"], group.get("parent")
        if name in sizes:
            yield (*path, "name"), f"is {name!r} again: allowed are different names"
        if parent is not None and parent not in sizes:
            allowed = f"allowed are the groups before it, {quote(sizes)}" if sizes else "there is no group before it"
            yield (*path, "parent"), f"is {parent!r}: {allowed}{suggest(parent, sizes)}"
        if group["count"] > 1 and (parent is not None or group["choice"] == "independent"):
            text = "allowed is 1 with a parent, or where features are independent"
            yield (*path, "count"), f"is {group['count']}: {text}"
        for key, default in (("probability_of", "feature"), ("scale_by_parent", False)):
            if parent is None and group[key] != default:
                yield (*path, key), f"is {show_value(group[key])}: allowed is {show_value(default)} without a parent"
        if "probability" in group:
            yield from check_curve((*path, "probability"), group["probability"])
        sizes[name] = group["n_features"] * (group["count"] if parent is None else sizes.get(parent, 1))
    if sum(sizes.values()) > block["n_features"]:
        text = f"is {block['n_features']}: allowed are integers from {sum(sizes.values())}, the features of all groups"
        yield ("n_features",), text


def count_free_features(block: dict) -> int:
    """Features without a parent or set, which a correlation is between."""
    sizes, bound = {}, 0
    for group in block["groups"]:
        parent = group.get("parent")
        sizes[group["name"]] = group["n_features"] * (group["count"] if parent is None else sizes[parent])
        if parent is not None or group["choice"] != "independent":
            bound += sizes[group["name"]]
    return block["n_features"] - bound


def check_correlation(block: dict) -> Findings:
    correlation, n_free = block["correlation"], count_free_features(block)
    kind, matrix = correlation["kind"], correlation.get("matrix")
    if kind != "none" and n_free < 2:
        text = f"allowed is 'none' with {n_free} features that have neither a parent nor a set"
        yield ("correlation", "kind"), f"is {kind!r}: {text}"
    elif kind == "random_matrix" and n_free > LARGEST_MATRIX:
        text = f"allowed with up to {LARGEST_MATRIX} features without parent or set; of {n_free} 'low_rank' is allowed"
        yield ("correlation", "kind"), f"is {kind!r}: {text}"
    elif kind == "given" and matrix is not None:
        sound = len(matrix) == n_free and all(len(row) == n_free for row in matrix)
        if not sound or any(matrix[i][j] != matrix[j][i] or matrix[i][i] != 1 for i in range(n_free) for j in range(i)):
            text = f"allowed are symmetric ones of {n_free} times {n_free} numbers with ones on the diagonal"
            yield ("correlation", "matrix"), f"is a matrix of {len(matrix)} rows: {text}"


def check_combinations(block: dict) -> Findings:
    """Settings of all samples that go with some dictionaries alone."""
    if "mean_l0" in block and block["groups"]:
        yield ("mean_l0",), f"is {block['mean_l0']}: allowed without groups alone"
    roots = [group for group in block["groups"] if "parent" not in group]
    n_sets = sum(group["count"] for group in roots if group["choice"] == "exactly_one")
    in_sets = sum(group["n_features"] * group["count"] for group in roots if group["choice"] == "exactly_one")
    if block["one_hot_share"] and (in_sets < block["n_features"] or n_sets < 2):
        text = "allowed is 0 unless there are two sets or more (choice: exactly_one) and all features belong to one"
        yield ("one_hot_share",), f"is {block['one_hot_share']}: {text}"
    if block["equal_magnitudes"] and any(group["scale_by_parent"] for group in block["groups"]):
        yield ("equal_magnitudes",), "is true: allowed is false where a group has scale_by_parent"
