# make paper   the whole paper, from config.yaml to results/paper.pdf, on all cores
# make test    the tests
# make test-cluster   those that take long: on a Slurm started for them, and of runs killed again and again
# make browser   Chromium, if it is missing: the tests of the report need it, and are skipped without
# make report  results/report.html: the paper, every figure and film, the claims, the jobs, in one file to send around
# make smoke   the tiny twin of the paper: the same jobs, smaller, in .smoke/
# make bench   the speed of every kind of training against a textbook loop, in results/benchmark.parquet
# make check   formatting and lint of code and workflow
# make clean   removes .venv and .smoke, never results
#
# Each sets up .venv by itself; it needs Python 3.11 to 3.13 with venv. Another interpreter: make paper PYTHON=python3.12

PYTHON ?= python3
CORES ?= all
PROFILE ?= default
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
ifeq ($(PROFILE),slurm)
export PATH := $(CURDIR)/profiles/slurm/bin:$(PATH)
endif
RUN_ALONE := PYTHONPATH=src python -m pipeline.run_alone

.PHONY: paper report test test-cluster cluster browser smoke bench check clean

ifeq ($(PROFILE),default)
paper: .venv/installed
	$(RUN_ALONE) --cores $(CORES) $(ARGS)
else
paper: .venv/cluster
	$(RUN_ALONE) --workflow-profile profiles/$(PROFILE) $(ARGS)
endif

report: .venv/installed
	$(RUN_ALONE) --cores $(CORES) present $(ARGS)
	snakemake --report results/report.html present $(ARGS)
	PYTHONPATH=src python -m pipeline.report_frames results/report.html

test: .venv/installed
	pytest --numprocesses logical --dist loadfile --no-loadscope-reorder $(ARGS)

test-cluster: cluster
	TEST_LONG=1 pytest tests/cluster tests/test_kill_at_random.py $(ARGS)

cluster: .venv/cluster
	tests/install slurm

browser:
	tests/install chromium

smoke: .venv/installed
	$(RUN_ALONE) --cores $(CORES) --configfile tests/config.yaml --directory .smoke

bench: .venv/installed
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=src:. python -m benchmarks $(ARGS)

check: .venv/installed
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint

# Python compiles a module when it is first imported; all of them at once would double the time of the installation.
.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit(f"Python 3.11 to 3.13 is needed, $(PYTHON) is {v[0]}.{v[1]}: name another with PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --requirement requirements.lock
	@touch $@

.venv/cluster: .venv/installed requirements-cluster.lock
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements.lock -r requirements-cluster.lock
	@touch $@

clean:
	rm -rf .venv .smoke .pytest_cache .ruff_cache .hypothesis
