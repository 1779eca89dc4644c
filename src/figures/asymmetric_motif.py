"""An asymmetric motif that training found, and how neurons with two features share the work between both matrices."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from figures.neurons import Model, as_model
from figures.six_neurons import draw_circuit
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    GREY,
    SMALL,
    SPARSITY,
    color_values,
    format_probability,
    make_figure,
    set_title,
    style,
    title_of,
    write_note,
)

NUMBERED = 0.05  # of the largest weight: lines that get their number


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        neurons = tables["neurons"]
        figure = make_figure(height=3.1)
        set_title(figure, title_of(experiments))
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
        found = find_example(neurons)
        if found is None:
            write_note(left, "no model has the motif")
        else:
            draw_motif(left, *found)
        draw_ratios(right, neurons[neurons["polysemantic"]])
        return figure


def find_example(neurons: pd.DataFrame) -> tuple[Model, int] | None:
    """The motif whose inhibition is strongest, and its first neuron; of the models of the lowest seed that has one."""
    motifs = neurons[neurons["inhibitor"] >= 0]
    if motifs.empty:
        return None
    motifs = motifs[motifs["seed"] == motifs["seed"].min()]
    keys = ["experiment", "seed", "instance"]
    candidates = []
    for key, rows in neurons.merge(motifs[keys].drop_duplicates(), on=keys).groupby(keys):
        model = as_model(rows)
        for row in model.neurons[model.neurons["inhibitor"] >= 0].itertuples():
            candidates.append((model.W_out[row.inhibitor, row.second_feature], key, row.neuron, model))
    _, _, neuron, model = min(candidates, key=lambda candidate: candidate[:3])
    return model, int(neuron)


def draw_motif(ax: Axes, model: Model, neuron: int) -> None:
    row = model.neurons.iloc[neuron]
    features, pair = [int(row["largest_feature"]), int(row["second_feature"])], [neuron, int(row["inhibitor"])]
    draw_circuit(ax, model.W_in, model.W_out, features, pair, target="|x_{%d}|", most=NUMBERED)
    ax.set_title(f"a motif found at {model.title}")


def draw_ratios(ax: Axes, shared: pd.DataFrame) -> None:
    """For neurons with several features, the ratio of both weights of the two largest, reading against writing."""
    if shared.empty or (shared["second_feature"] < 0).all():
        write_note(ax, "no neuron stands for several features")
        return
    pair = np.sort(shared[["largest_feature", "second_feature"]].to_numpy(), axis=1)
    ratios = []
    for column in ("W_in", "W_out"):
        weights = np.abs(np.take_along_axis(np.stack(shared[column].to_list()), pair, axis=1)).clip(min=1e-6)
        ratios.append(weights[:, 0] / weights[:, 1])
    probabilities = shared["feature_probability"].to_numpy()
    usable = probabilities > 0
    if usable.any():
        colors = color_values(1 / np.unique(probabilities[usable]), SPARSITY, log=True)
        for p in np.unique(probabilities[usable])[::-1]:
            chosen = probabilities == p
            mark = {"s": 7, "color": colors.to_rgba(np.log(1 / p)), "linewidths": 0, "alpha": 0.6}
            ax.scatter(ratios[0][chosen], ratios[1][chosen], label=format_probability(p), **mark)
        ax.legend(loc="upper left", handletextpad=0.2, borderpad=0.2, markerscale=1.8)
    ends, lowest, highest = np.array([0.1, 10]), ratios[1].min(), ratios[1].max()
    ax.plot(ends, 1 / ends, color=GREY, linewidth=0.8, zorder=0)
    ax.annotate("reciprocal", (0.2, 5), (6, 4), textcoords="offset points", color=GREY, fontsize=SMALL)
    ax.set(xscale="log", yscale="log", xlim=(0.15, 7), ylim=(min(lowest, 0.1) / 1.5, max(highest, 10) * 1.5))
    ax.xaxis.set_major_locator(FixedLocator([0.2, 0.5, 1, 2, 5]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("reading: $|W_{1,ka}\\,/\\,W_{1,kb}|$, $a$ more important than $b$")
    ax.set_ylabel("writing: $|W_{2,ak}\\,/\\,W_{2,bk}|$")


if __name__ == "__main__":
    draw_figure(draw)
