"""What a schema cannot see: names that must exist, and keys that limit each other.

The checks run on whatever the schema found sound, so that one mistake neither hides another nor is reported twice. A
value that was left out is judged by its default, and the line says so.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from pipeline.declared_names import KINDS, check_name
from pipeline.dictionary_checks import check_dictionary
from pipeline.problems import Findings, Index, Problem, quote, suggest
from pipeline.sae_checks import LINEAR_HIDDEN, check_sae


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
    if single(single(p) * single(factor)) > 1:
        yield path["last_probability"], f"is up to {factor}: allowed is up to 1 / feature_probability, 1 / {p}"
    elif (factor != 1 or "last_probability" in sweep) and n_sets * size == model["n_features"]:
        yield path["last_probability"], f"is {factor}: allowed is 1 where the last feature belongs to a set"
    attacked = "attack_size" in sweep or block["training"]["attack_size"] > 0
    if attacked and model["kind"] not in LINEAR_HIDDEN:
        where = ("sweep",) if "attack_size" in sweep else ("training",)
        allowed = f"allowed with the kinds {quote(LINEAR_HIDDEN)} alone, not with {model['kind']!r}"
        yield (*where, "attack_size"), f"is given: {allowed}"


def single(value: float) -> float:
    """The value in single precision, in which probabilities are kept."""
    return struct.unpack("f", struct.pack("f", value))[0]


def _ends(values: list | dict) -> list:
    """Values among which the largest of a sweep is."""
    return values if isinstance(values, list) else [values["start"], values["stop"]]


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
    scripts = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("[!_]*.py")}
    if script is not None and script not in scripts:
        text = f"is {script!r}: allowed are scripts that exist, there is no src/figures/{script}.py"
        yield ("script",), text + suggest(script, sorted(name for name in scripts if "\ndef draw(" in scripts[name]))
    elif script is not None and "\ndef draw(" not in scripts[script]:
        yield ("script",), f"is {script!r}: allowed are scripts that draw, src/figures/{script}.py has no function draw"
    elif script is not None and figure["film"] and "\ndef film(" not in scripts[script]:
        yield ("film",), f"is true: allowed is false, src/figures/{script}.py has no function film"


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
