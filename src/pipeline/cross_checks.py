"""What a schema cannot see: names that must exist, and keys that limit each other.

The checks run on whatever the schema found sound, so that one mistake neither hides another nor is reported twice. A
value that was left out is judged by its default, and the line says so.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from pipeline.architectures import OWNERS, check_architecture
from pipeline.dictionary_checks import check_dictionary
from pipeline.problems import Index, Problem, quote, show_value, suggest

__all__ = ["KINDS", "OWNERS", "SAE_SOURCES", "SOURCES", "check_all", "count_instances"]

KINDS = {
    "toy_models": "toy model",
    "saes": "SAE",
    "finite_data": "finite-data experiment",
    "dictionaries": "dictionary",
}
# What an SAE's toy model may be: its activations h = W x are then sums of features' directions, each with one sign.
LINEAR_HIDDEN = ["linear", "relu_output", "gelu_output", "silu_output", "softplus_output", "quadratic_output"]
SAE_SOURCES = {("model", "kind"): LINEAR_HIDDEN, ("features", "magnitude"): ["uniform"]}
SOURCES = {"toy_model": "toy_models", "dictionary": "dictionaries"}  # key of an SAE's source -> its section
Findings = Iterator[tuple[tuple, str]]  # path below the part that is checked, text


def count_instances(block: dict) -> int:
    """Instances that one job trains: combinations of swept values x restarts, of an experiment's effective block."""
    sizes = [len(values) if isinstance(values, list) else values["points"] for values in block["sweep"].values()]
    return math.prod(sizes) * block["restarts"]


def check_all(raw: dict, config: dict, problems: list[Problem], project_root: Path) -> Iterator[Problem]:
    """Problems between the keys of `config`, the effective form of `raw` as far as `problems` left it whole."""
    unsound = {problem.path[:depth] for problem in problems for depth in range(1, len(problem.path) + 1)}
    for section, name, block in _blocks(config, *KINDS):
        for part, check in PARTS.items():
            if part in block and (section, name, part) not in unsound:
                for path, text in check(block[part]):
                    yield _mark_default((section, name, part, *path), text, raw)
    for _, name, block in _blocks(config, "toy_models"):
        for path, text in check_toy_model(block, {path[2:] for path in unsound if path[:2] == ("toy_models", name)}):
            yield _mark_default(("toy_models", name, *path), text, raw)
    for _, name, block in _blocks(config, "finite_data"):
        for path, text in check_finite_data(name, block, config, ("finite_data", name) in unsound):
            yield _mark_default(("finite_data", name, *path), text, raw)
    for _, name, sae in _blocks(config, "saes"):
        for path, text in check_sae(name, sae, raw, config, unsound):
            yield Problem(("saes", name, *path), text)
    for _, name, block in _blocks(config, "dictionaries"):
        unsound_block = ("dictionaries", name) in unsound
        for path, text in check_dictionary(name, block, raw["dictionaries"][name], config, unsound_block):
            yield _mark_default(("dictionaries", name, *path), text, raw)
    for _, name, figure in _blocks(config, "figures"):
        for path, text in check_figure(figure, raw, project_root, sound=("figures", name) not in unsound):
            yield _mark_default(("figures", name, *path), text, raw)


def _blocks(config: dict, *sections: str) -> Iterator[tuple[str, str, dict]]:
    for section in sections:
        for name, block in config[section].items():
            if block is not None:
                yield section, name, block


def check_training(training: dict) -> Findings:
    steps = training["steps"]
    for key, lowest in (("log_every", 1), ("warmup_steps", 0), ("sparsity_warmup_steps", 0)):
        if training.get(key, 0) > steps:
            yield (key,), f"is {training[key]}: allowed are integers from {lowest} to training.steps, {steps}"
    decay_steps = training.get("decay_steps", "all")
    if decay_steps != "all" and training["schedule"] == "constant":
        yield ("decay_steps",), f"is {decay_steps}: allowed is 'all' with the schedule 'constant', which does not fall"
    elif decay_steps != "all" and decay_steps > steps - training["warmup_steps"] >= 0:
        text = f"is {decay_steps}: allowed is up to training.steps less training.warmup_steps"
        yield ("decay_steps",), f"{text}, {steps - training['warmup_steps']}"
    if training.get("optimizer") == "adam" and training["weight_decay"] != 0:
        text = f"is {training['weight_decay']}: allowed is 0 with the optimizer 'adam'; 'adamw' has weight decay"
        yield ("weight_decay",), text


def check_importance(importance: dict) -> Findings:
    if importance["curve"] == "uniform" and importance["base"] != 1:
        yield ("base",), f"is {importance['base']}: allowed is 1 with the curve 'uniform'; 'geometric' has a base"


def check_resampling(resampling: dict) -> Findings:
    window, every = resampling["window"], resampling["every"]
    if window > every:
        yield ("window",), f"is {window}: allowed are integers from 1 to resampling.every, {every}"


def check_sweep(sweep: dict) -> Findings:
    for key, values in sweep.items():
        if isinstance(values, list):
            continue
        for end in ("start", "stop"):
            if values["spacing"] == "geometric" and values[end] <= 0:
                yield (key, end), f"is {values[end]}: allowed are numbers above 0 with the spacing 'geometric'"
        if values["start"] == values["stop"] and values["points"] > 1:
            yield (
                (key, "points"),
                f"is {values['points']}: allowed is 1 where start and stop are both {values['start']}",
            )


PARTS = {
    "training": check_training,
    "importance": check_importance,
    "resampling": check_resampling,
    "sweep": check_sweep,
}


def check_toy_model(block: dict, unsound: set[tuple]) -> Findings:
    """Its sets of features fit into its features, probabilities stay below 1, and attacks meet linear hidden units."""
    if unsound:
        return
    features, model, sweep = block["features"], block["model"], block["sweep"]
    n_sets, size = features["correlated_sets"] + features["anticorrelated_sets"], features["set_size"]
    if n_sets * size > model["n_features"]:
        text = (
            f"is {size}: allowed are sets that fit into model.n_features, {model['n_features']}; {n_sets} are declared"
        )
        yield ("features", "set_size"), text
        return
    largest = {
        key: max(_ends(sweep[key])) if key in sweep else features[key]
        for key in ("feature_probability", "last_probability")
    }
    path = {key: ("sweep", key) if key in sweep else ("features", key) for key in largest}
    p, factor = largest.values()
    if features["anticorrelated_sets"] and features["probability_of"] == "feature" and p * size > 1:
        text = f"is up to {p}: allowed is up to 1 / set_size, 1 / {size}, for features of anticorrelated sets"
        yield path["feature_probability"], text
    if p * factor > 1:
        yield path["last_probability"], f"is up to {factor}: allowed is up to 1 / feature_probability, 1 / {p}"
    elif (factor != 1 or "last_probability" in sweep) and n_sets * size == model["n_features"]:
        yield path["last_probability"], f"is {factor}: allowed is 1 where the last feature belongs to a set"
    attacked = "attack_size" in sweep or block["training"]["attack_size"] > 0
    if attacked and model["kind"] not in LINEAR_HIDDEN:
        where = ("sweep",) if "attack_size" in sweep else ("training",)
        allowed = f"allowed with the kinds {quote(LINEAR_HIDDEN)} alone, not with {model['kind']!r}"
        yield (*where, "attack_size"), f"is given: {allowed}"


def _ends(values: list | dict) -> list:
    """Values among which the largest of a sweep is."""
    return values if isinstance(values, list) else [values["start"], values["stop"]]


def check_sae(name: str, sae: dict, raw: dict, config: dict, unsound: set[tuple]) -> Findings:
    """No toy model has its name; its own toy model exists, can be its source, and has the instance asked for; its
    architecture has the settings that are given."""
    if name in config["toy_models"]:
        yield (), "has the name of a toy model: allowed are names that no toy model has"
    own = {path[2:] for path in unsound if path[:2] == ("saes", name)}
    yield from check_architecture(sae, raw["saes"][name], own)
    yield from check_source(raw["saes"][name], sae, raw)
    yield from check_components(sae, config, unsound)
    toy_model, instance = sae.get("toy_model"), sae["instance"]
    if toy_model not in config["toy_models"] or ("toy_models", toy_model) in unsound:
        return
    source = config["toy_models"][toy_model]
    for (part, key), allowed in SAE_SOURCES.items():
        if source[part][key] not in allowed:
            has = f"is {toy_model!r}, whose {part}.{key} is {source[part][key]!r}"
            yield ("toy_model",), f"{has}: allowed are toy models where it is {' or '.join(map(repr, allowed))}"
    count = count_instances(source)
    if isinstance(instance, int) and instance >= count:
        allowed = f"allowed are 'lowest_loss' or integers from 0 to {count - 1}, the instances of {toy_model}"
        yield ("instance",), f"is {instance}: {allowed}"


def check_components(sae: dict, config: dict, unsound: set[tuple]) -> Findings:
    """There are no more principal or independent components than dimensions."""
    architecture = sae.get("architecture")
    for key, section in SOURCES.items():
        name = sae.get(key)
        if architecture not in ("pca", "ica") or name not in config[section] or (section, name) in unsound:
            continue
        block = config[section][name]
        path, most = ("model.n_hidden", block["model"]["n_hidden"]) if key == "toy_model" else ("d_in", block["d_in"])
        if (sae.get("n_latents") or 0) > most:
            allowed = f"allowed are integers from 1 to {path} of {name}, {most}"
            yield ("n_latents",), f"is {sae['n_latents']}: {allowed}, with the architecture {architecture!r}"


def check_source(written: dict, sae: dict, raw: dict) -> Findings:
    """It names one source of its activations, a toy model or a dictionary, which exists."""
    given = [key for key in SOURCES if key in written]
    if not given:
        yield (), "names no source of its activations: allowed is one of toy_model and dictionary"
    elif len(given) > 1:
        yield ("dictionary",), "is given beside toy_model: allowed is one of them"
    elif given == ["dictionary"] and "instance" in written:
        yield ("instance",), f"is {show_value(written['instance'])}: allowed with a toy_model alone"
    for key in given:
        yield from check_name((key,), sae.get(key), SOURCES[key], raw)


def check_finite_data(name: str, block: dict, config: dict, unsound: bool) -> Findings:
    """No other experiment has its name; the shortest training has room for the warm-up; samples can be redrawn."""
    others = [kind for section, kind in KINDS.items() if section != "finite_data" and name in config[section]]
    for kind in others:
        article = "an" if kind.startswith("S") else "a"
        yield (), f"has the name of {article} {kind}: allowed are names that no {kind} has"
    if unsound:
        return
    shortest = min(block["sweep"].get("steps", [block["training"]["steps"]]))
    for key, lowest in (("log_every", 1), ("warmup_steps", 0)) if "steps" in block["sweep"] else ():
        if block["training"][key] > shortest:
            allowed = f"allowed are integers from {lowest} to the least of sweep.steps, {shortest}"
            yield ("training", key), f"is {block['training'][key]}: {allowed}"
    if block["training_set"]["zero_samples"] == "redraw" and block["features"]["feature_probability"] == 0:
        yield ("features", "feature_probability"), "is 0.0: allowed are numbers above 0 where zero_samples is 'redraw'"


def check_figure(figure: dict, raw: dict, project_root: Path, sound: bool) -> Findings:
    """It names an experiment, all that it names exist, its script does, and draws films if asked for one."""
    if sound and not any(figure[section] for section in KINDS):
        *sections, last = KINDS
        allowed = f"allowed are figures with at least one in {', '.join(sections)} or {last}"
        yield (), f"names no experiment: {allowed}"
    for section in KINDS:
        for index, name in enumerate(figure[section] or []):
            yield from check_name((section, Index(index)), name, section, raw)
    script, folder = figure["script"], project_root / "src" / "figures"
    if script is not None and not (folder / f"{script}.py").is_file():
        scripts = sorted(path.stem for path in folder.glob("[!_]*.py"))
        text = f"is {script!r}: allowed are scripts that exist, there is no src/figures/{script}.py"
        yield ("script",), text + suggest(script, scripts)
    elif script is not None and figure["film"] and "\ndef film(" not in (folder / f"{script}.py").read_text():
        yield ("film",), f"is true: allowed is false, src/figures/{script}.py has no function film"


def check_name(path: tuple, name: str | None, section: str, raw: dict) -> Findings:
    """That `section` declares `name`; passed where the name, or the section, is already a problem."""
    names = _names(raw, section)
    others = [other for each in KINDS if each != section for other in _names(raw, each) or []]
    if name is None or names is None or name in names:
        return
    kind = KINDS[section]
    plural = f"{kind.removesuffix('y')}ies" if kind.endswith("y") else f"{kind}s"
    allowed = f"allowed are the {plural} {quote(names)}" if names else f"no {kind} is declared"
    elsewhere = f"; {name!r} is declared in another section" if name in others else suggest(name, names)
    yield path, f"is {show_value(name)}: {allowed}{elsewhere}"


def _names(raw: dict, section: str) -> list[str] | None:
    """The names declared in a section, sound or not; None if it is no mapping, or lacks the toy model it must have."""
    block = raw.get(section) or (None if section == "toy_models" else {})
    return [name for name in block if isinstance(name, str)] if isinstance(block, dict) else None


def _mark_default(path: tuple, text: str, raw: dict) -> Problem:
    """The problem, with a word added where its value is a default and so cannot be found in the file."""
    value = raw
    for step in path:
        if isinstance(step, Index) or step in value:
            value = value[step]
        elif text.startswith("is missing"):
            break
        else:
            found, _, allowed = text.partition(": ")
            return Problem(path, f"{found} (its default): {allowed}")
    return Problem(path, text)
