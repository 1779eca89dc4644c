"""The steps of the workflow, each run as `python -m scripts.<step>`, by the workflow within scripts.measured."""

import gc
import sys

if sys.argv[:1] == ["-m"]:  # the step is still to be imported, and all that it imports stays: see command_line.run
    gc.disable()
