#!/bin/sh
# Build, check and time the GPU operations on a machine with an NVIDIA GPU, nvcc and gcc; nothing
# else is needed. Ends with a table. About three minutes.
#
#   tests/gpu/run.sh [folder for build and logs]
#
# Exit code 0: everything built, all bits equal, compute-sanitizer clean.
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
out=${1:-$(mktemp -d)}
arch=${GPU_ARCH:-90}
mkdir -p "$out/log" || exit 1
cd "$root" || exit 1
PATH=$PATH:/usr/local/cuda/bin
bad=0
table=""

note() { # name, exit code
	word=ok
	[ "$2" -eq 0 ] || { word="FAILED ($2)"; bad=1; }
	table="$table
$(printf '%-40s %s' "$1" "$word")"
}

show() { # the log of a step, its end if it is long
	tail -n "${2:-60}" "$out/log/$1"
}

echo "== machine"
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv ||
	echo "no nvidia-smi"
nvcc --version | tail -n 1
gcc --version | head -n 1

echo "== build"
begin=$(date +%s)
flags="-std=c++17 -O3 -fmad=false -gencode arch=compute_$arch,code=sm_$arch -Isrc"
host="-fPIC,-fvisibility=hidden,-ffp-contract=off"
pids=""
for f in src/tensor/cuda/*.cu src/objective/*.cu; do
	o=$(basename "$f" .cu)
	nvcc $flags -lineinfo -Xcompiler $host -c "$f" -o "$out/$o.cu.o" >"$out/log/$o.build" 2>&1 &
	pids="$pids $!"
done
cc="gcc -std=gnu17 -O2 -ffp-contract=off -fno-math-errno -D_GNU_SOURCE -Wall -Isrc -Itests/gpu"
isas=scalar
case $(uname -m) in x86_64) isas="scalar avx2 avx512" ;; esac
for isa in $isas; do
	case $isa in
	avx2) extra="-mavx2 -mfma" ;;
	avx512) extra="-mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma" ;;
	*) extra= ;;
	esac
	$cc -O3 $extra -c src/tensor/cpu/isa_$isa.c -o "$out/isa_$isa.o" >"$out/log/isa_$isa.build" 2>&1 &
	pids="$pids $!"
done
for f in src/tensor/cpu/cpu.c src/tensor/gpu.c src/base/*.c src/model/*.c src/rollout/*.c \
	tests/gpu/*.c; do
	o=$(echo "$f" | tr / _)
	$cc -c "$f" -o "$out/$o.o" >"$out/log/$o.build" 2>&1 &
	pids="$pids $!"
done
rc=0
for p in $pids; do wait "$p" || rc=1; done
if [ $rc -eq 0 ]; then
	nvcc -shared -o "$out/ebb_cuda.so" "$out"/*.cu.o >"$out/log/link.build" 2>&1 || rc=1
	tests=$(ls "$out"/tests_gpu_*.o | grep -v parity)
	rest="$out/isa_*.o $out/src_*.o"
	gcc -o "$out/test_gpu" $tests $rest -lm -ldl -lpthread >>"$out/log/link.build" 2>&1 || rc=1
	gcc -o "$out/parity" "$out"/tests_gpu_parity.c.o $rest -lm -ldl -lpthread \
		>>"$out/log/link.build" 2>&1 || rc=1
fi
cat "$out"/log/*.build
echo "built in $(($(date +%s) - begin)) s"
note build $rc
if [ $rc -ne 0 ]; then
	echo "$table"
	exit 1
fi

step() { # name, seconds, command...
	name=$1
	limit=$2
	shift 2
	log=$(echo "$name" | tr ' ' _)
	begin=$(date +%s)
	timeout "$limit" "$@" >"$out/log/$log" 2>&1
	rc=$?
	echo "== $name: exit code $rc, $(($(date +%s) - begin)) s"
	show "$log" 120
	note "$name" $rc
}

step "bits against the CPU" 150 "$out/test_gpu" bits
step "populations against the CPU's engine" 100 "$out/parity" 8
step "timings" 120 "$out/test_gpu" time
if command -v compute-sanitizer >/dev/null; then
	for tool in memcheck racecheck; do
		step "compute-sanitizer $tool" 120 compute-sanitizer --tool $tool --error-exitcode 9 \
			--print-limit 10 "$out/test_gpu" small
	done
	step "compute-sanitizer memcheck, populations" 120 compute-sanitizer --tool memcheck \
		--error-exitcode 9 --print-limit 10 "$out/parity" 1
else
	table="$table
compute-sanitizer                        not installed"
fi
echo "== summary$table"
exit $bad
