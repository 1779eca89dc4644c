"""The columns of W and the hidden vectors of the training samples, all panels at one scale."""

import pandas as pd
from matplotlib.figure import Figure

from figures.features_and_points import draw as draw_panels
from scripts.draw_figure import draw_figure


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    return draw_panels(tables, experiments, one_scale=True)


if __name__ == "__main__":
    draw_figure(draw)
