#!/bin/sh
# Put what tests/gpu/trials.sh needs into one folder, for a GPU machine that has neither a compiler nor
# ebb's libraries: the program, the module, the tests, shared libraries, scripts. About 30 MB.
#
#   tests/gpu/pack.sh build [folder]
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
build=${1:?usage: tests/gpu/pack.sh build [folder]}
out=${2:-$root/build/gpu-pack}
ninja -C "$build" ebb src/tensor/cuda/ebb_cuda.so tests/gpu/parity tests/gpu/test_gpu >/dev/null || exit 1
rm -rf "$out"
mkdir -p "$out/lib" || exit 1
cp "$build/ebb" "$out/ebb.real" && cp "$build/tests/gpu/parity" "$out/parity.real" || exit 1
cp "$build/src/tensor/cuda/ebb_cuda.so" "$build/tests/gpu/test_gpu" "$root/tests/gpu/trials.sh" "$root/tests/gpu/sweep.py" \
	"$root/tests/bench/peer_torch.py" "$root/experiments/entropy-collapse.yaml" "$out" || exit 1
# The C library is the machine's own; an older one than this machine's will not do.
ldd "$build/ebb" | awk '$3 ~ /^\// {print $3}' | grep -v -E '/(libc|libm|libdl|libpthread|libresolv|ld-)[.-]' |
	while read -r file; do cp -L "$file" "$out/lib"; done
du -sh "$out"
