#!/usr/bin/env bash
# On a machine with a GPU, in the folder that publish.sh made: parity of every operator, then the operators beside the device's own
# copy and product rates, LoRA steps at RoBERTa-base and LLaMA 1B shapes, decoding; PyTorch's products where it is installed. All of it
# goes to one results file, with device, driver and date.
#   ./run.sh [DEVICE] [--tiny] [--out FILE]     (device: cuda, opencl, ilgpu-cpu or host; default cuda; --tiny: only to see that it runs)
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
device=cuda out="" tiny=()
while [ $# -gt 0 ]; do
    case $1 in
        --tiny) tiny=(--tiny --rounds 2) ;;
        --out) out=$2; shift ;;
        *) device=$1 ;;
    esac
    shift
done
out=${out:-$here/results-${device//:/}-$(date -u +%Y%m%d-%H%M).md}
status=0

section() { printf '\n## %s\n\n' "$1" >> "$out"; }
# Runs a command into the results as a block; what fails is said there and counted.
block() {
    echo '```' >> "$out"
    "$@" >> "$out" 2>&1
    local code=$?
    echo '```' >> "$out"
    if [ $code -ne 0 ]; then
        echo "exit code $code: $*" >> "$out"
        status=1
    fi
}

printf '# %s, %s\n' "$device" "$(date -u '+%Y-%m-%d %H:%M UTC')" > "$out"
echo "commit $(cat "$here/commit"), $(uname -sr)" >> "$out"
section "Devices"
if command -v nvidia-smi >/dev/null; then
    block nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit,clocks.max.sm,clocks.max.mem --format=csv
fi
block "$here/FedSpine.Cli/fedspine" devices

section "Parity"
# Every operator's cases on every device that is here, against double precision; a device that is not here is said and skipped.
tests=(-class '*ParityTests' -class '*IlgpuBackendTests' -class '*DeviceMemoryTests' -class '*OfflineCompilationTests')
[ ${#tiny[@]} -gt 0 ] && tests=(-class '*OfflineCompilationTests')
block "$here/FedSpine.Kernels.Tests/FedSpine.Kernels.Tests" "${tests[@]}" -noColor

section "Operators, training, decoding"
block "$here/FedSpine.Bench/FedSpine.Bench" device --device "$device" "${tiny[@]}"

section "Cases of the parity tests"
block "$here/FedSpine.Bench/FedSpine.Bench" device --device "$device" --cases "${tiny[@]}"

section "PyTorch"
if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    block python3 "$here/products.py"
else
    echo "PyTorch with CUDA is not installed here: nothing to compare with." >> "$out"
fi

cat "$out"
echo "results: $out"
exit $status
