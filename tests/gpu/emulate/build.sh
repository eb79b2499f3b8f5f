#!/bin/sh
# Build the kernels of tensor/cuda for the emulator: a module that ebb_gpu_open can load.
#
#   tests/gpu/emulate/build.sh ebb_cuda_emulated.so [more compiler flags]
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../../.." && pwd) || exit 1
module=$1
shift
work=$module.parts
mkdir -p "$work" || exit 1
fma=
[ "$(uname -m)" = x86_64 ] && fma=-mfma
# Vectors of the compiler's own would want stacks aligned to 32 bytes; fibers have 16.
flags="-std=gnu++17 -O2 -g -ffp-contract=off -fno-math-errno -fno-tree-vectorize -fPIC
	-fvisibility=hidden -Wall -Wno-unknown-pragmas -Wno-unused-function"
objects=
for source in "$root"/src/tensor/cuda/*.cu "$root"/src/objective/*.cu; do
	stem=$work/$(basename "$source" .cu)
	python3 "$here/launch.py" "$source" "$stem.cpp" || exit 1
	g++ $flags $fma "$@" -I"$here" -I"$root/src" -c "$stem.cpp" -o "$stem.o" || exit 1
	objects="$objects $stem.o"
done
exec g++ $flags $fma "$@" -I"$here" -shared -o "$module" "$here/emulate.cpp" "$here/cublas.cpp" $objects
