#!/bin/sh
# Writes the locks anew: exact versions with hashes, no index addresses. Needs uv on PATH.
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=$1
    shift
    uv pip compile pyproject.toml "$@" --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file "requirements/$out.txt"
}
lock run --extra install --extra console
lock training --extra install --extra console --extra training
lock dev --extra install --extra console --extra training --extra dev

# What images install: the same versions, from the list of direct requirements beside each.
image() {
    uv pip compile "$1.in" --constraint "requirements/$2.txt" --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file "$1.txt"
}
image template/python3-fan/requirements run
image functions/score_fan/requirements run
image functions/forecast_fan/requirements run
image functions/infer_fan/requirements training
image functions/infer_fan/requirements-lite run
image infra/connector/requirements run
image infra/console/requirements run
