# Everything a newcomer needs: `make report`, `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN := $(BIN)/ikzf1-outcomes

.DEFAULT_GOAL := help
.PHONY: help report test check format lock reference bench calibrate clean

help: ## List what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk 'BEGIN {FS = ":.*## "}; {printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

report: $(STAMP) ## Run the study files of the embedded cohorts into results/
	$(RUN) run analyses/01_simulated_reference/study.toml --out results/simulated_reference --overwrite
	$(RUN) run analyses/02_chiaretti/study.toml --out results/chiaretti_b_lineage --overwrite
	$(RUN) run analyses/02_chiaretti/study_t_lineage.toml --out results/chiaretti_t_lineage --overwrite
	@echo "Open results/simulated_reference/report.html"

test: $(STAMP) ## Run the tests (under 10 minutes on two cores)
	$(BIN)/python -m pytest -n 2 -m "not slow"

check: $(STAMP) ## Lint, formatting, strict typing
	$(BIN)/ruff check src tests benchmarks analyses docs
	$(BIN)/ruff format --check src tests benchmarks analyses docs
	$(BIN)/mypy

format: $(STAMP) ## Rewrite the code in the house format
	$(BIN)/ruff check --fix src tests benchmarks analyses docs
	$(BIN)/ruff format src tests benchmarks analyses docs

calibrate: $(STAMP) ## Run the long simulations of coverage and size
	@mkdir -p results && rm -f results/calibration.jsonl
	IKZF1_CALIBRATION=results/calibration.jsonl $(BIN)/python -m pytest -n 2 -m slow tests
	$(BIN)/python docs/make_calibration.py results/calibration.jsonl

bench: $(STAMP) ## Time the kernels against lifelines, statsmodels and, where installed, R
	$(BIN)/python benchmarks/curves.py
	$(BIN)/python benchmarks/genome.py
	$(BIN)/python benchmarks/cox.py
	$(BIN)/python benchmarks/fine_gray.py
	$(BIN)/python benchmarks/firth.py
	$(BIN)/python benchmarks/risks.py
	$(BIN)/python benchmarks/predictions.py
	$(BIN)/python benchmarks/added_value.py
	$(BIN)/python benchmarks/screen.py
	$(BIN)/python benchmarks/global_test.py
	$(BIN)/python benchmarks/elastic_net.py
	$(BIN)/python benchmarks/kinome.py
	$(BIN)/python benchmarks/bayes.py

reference: ## Make the R reference values again (needs R)
	for script in tests/reference/*/make.R; do (cd $$(dirname $$script) && Rscript make.R); done

lock: ## Pin every dependency with hashes, for all platforms (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --quiet -o requirements.lock

clean: ## Remove the environment and the results
	rm -rf $(VENV) results .mypy_cache .ruff_cache .hypothesis
