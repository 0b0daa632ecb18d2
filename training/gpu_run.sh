#!/usr/bin/env bash
# All stages from nothing on one GPU, in one command that ends in time:
#
#     training/gpu_run.sh WHEELS OUT MINUTES [options of unclip_graph.training.demo]
#
# For a machine that is bare but for PyTorch and transformers and can fetch nothing: installs the
# wheels in the folder WHEELS (diffusers), trains until MINUTES after it was started and leaves in
# OUT the model, cut into files of 15 MiB, and what training printed and drew.
set -uo pipefail
since=$(date +%s)
wheels=$1 out=$2 minutes=$3
shift 3
cd "$(dirname "$0")/.."
work=$(mktemp -d) site=$(mktemp -d)
python3 -m pip install -q --no-index --no-deps --no-compile --target "$site" "$wheels"/*.whl || exit
ln -s "$PWD" "$site/unclip_graph"  # the checkout may have any name
mkdir -p "$out"
PYTHONPATH=$site PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false \
  python3 -m unclip_graph.training.demo \
  --device cuda --size large --concepts 225 --since "$since" --minutes "$minutes" \
  --work "$work" --export "$work/model" "$@" 2>&1 | tee "$out/log.txt"
code=$?
tar -C "$work" -c model | split -b 15M - "$out/model.tar."
tar -C "$work" -cz --exclude='*.pt' --exclude=model --exclude='tokenizer-*' . >"$out/report.tar.gz"
exit $code
