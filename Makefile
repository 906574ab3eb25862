PYTHON ?= .venv/bin/python

.PHONY: install check test demo docs notebooks

install:
	python3 -m venv .venv
	.venv/bin/pip install -e '.[demo,dev]'

check:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(dir $(PYTHON))lint-imports
	$(dir $(PYTHON))check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(dir $(PYTHON))check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml

test:
	$(PYTHON) -m pytest -n 2 --dist loadscope

demo:
	$(dir $(PYTHON))mmrec demo

notebooks:
	$(PYTHON) examples/notebooks/run.py

docs:
	$(PYTHON) -m sphinx -b html -j 2 -E -a -q -W --keep-going docs site
	$(PYTHON) docs/check.py site
