"""The figures of the paper, each run as `python -m figures.<figure>`."""

import scripts as scripts  # for what it does before the figure is imported
