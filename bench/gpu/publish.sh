#!/usr/bin/env bash
# Publishes what a machine with a GPU needs to measure us, and nothing but the driver: benchmarks, parity tests and the tool,
# self-contained for linux-x64, with the script that runs them.
#   bench/gpu/publish.sh [FOLDER]     (default: ./gpu-run; copy the folder to the machine and start run.sh there)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(realpath -m "${1:-gpu-run}")
mkdir -p "$out"
for part in bench/FedSpine.Bench tests/FedSpine.Kernels.Tests managed-api/FedSpine.Cli; do
    dotnet publish "$root/$part" -c Release -r linux-x64 --self-contained -o "$out/$(basename "$part")" -p:UseAppHost=true
done
cp "$root"/bench/gpu/run.sh "$root"/bench/gpu/products.py "$out/"
git -C "$root" rev-parse HEAD > "$out/commit" 2>/dev/null || echo unknown > "$out/commit"
echo "published to $out; on the machine with the GPU: $out/run.sh"
