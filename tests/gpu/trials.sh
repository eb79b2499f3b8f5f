#!/bin/sh
# Whole trials on a GPU: the bytes of the CPU, the verdicts of the CPU, and how fast. Runs in a folder
# made by pack.sh, or anywhere with the build folder as its argument. Under ten minutes.
#
#   ./trials.sh [build] [bits|verdicts|speed|all]
#
# Exit code 0: everything that was asked holds. The tables are for docs/SPEED.md.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
build=${1:-$here}
what=${2:-all}
if [ -d "$here/lib" ]; then # a pack, whose libraries are for its own programs
	for name in ebb parity; do
		printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$here/lib" "$here/$name.real" \
			>"$here/$name"
		chmod +x "$here/$name"
	done
	ebb=$build/ebb parity=$build/parity sweep=$here/sweep.py peer=$here/peer_torch.py
	experiment=$here/entropy-collapse.yaml
else
	ebb=$build/ebb parity=$build/tests/gpu/parity sweep=$here/sweep.py
	peer=$here/../bench/peer_torch.py experiment=$here/../../experiments/entropy-collapse.yaml
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

head_of() {
	echo
	echo "== $*"
}

run() { # seconds, command...
	limit=$1
	shift
	begin=$(date +%s)
	timeout "$limit" "$@"
	rc=$?
	echo "-- exit code $rc, $(($(date +%s) - begin)) s: $*"
	[ $rc -eq 0 ] || bad=1
}

nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv
"$ebb" --version | head -n 1

if [ "$what" = bits ] || [ "$what" = all ]; then
	head_of "populations against the engine of the CPU"
	run 60 "$parity" 8
	head_of "a sweep of the default model against the CPU; a worker and the server killed"
	run 240 python3 "$sweep" "$ebb" --large --steps 6
fi

if [ "$what" = verdicts ] || [ "$what" = all ]; then
	head_of "entropy-collapse: verdicts on the GPU and on the CPU"
	for device in cuda cpu; do
		run 240 sh -c '"$@" >/dev/null' run "$ebb" run "$experiment" run.device=$device \
			--out "$work/$device"
		"$ebb" claims "$work/$device" >"$work/$device.txt"
	done
	cat "$work/cuda.txt"
	run 10 diff "$work/cuda.txt" "$work/cpu.txt"
	run 30 "$ebb" diff "$work/cpu" "$work/cuda"
fi

if [ "$what" = speed ] || [ "$what" = all ]; then
	head_of "the default model, 1 to 256 members: exact, then fast"
	shape="--width 64 --layers 2 --batch 128 --seq 22 --prompt 8 --vocab 24 --group 8"
	for precision in fp32 tf32 bf16; do
		run 90 "$ebb" bench --device cuda --precision $precision $shape
	done
	head_of "one PyTorch policy on this GPU, the same step: 64 of them one after the other take 64 times this"
	for compile in none train; do
		run 90 python3 "$peer" --device cuda --mode rl --compile $compile $shape
	done
	head_of "124 M parameters, 512 tokens: update, and decoding of 64"
	large="--width 768 --layers 9 --vocab 50257 --seq 512 --iters 3 --members 1 --precision bf16"
	run 120 "$ebb" bench --device cuda --mode train --batch 16 $large
	run 120 "$ebb" bench --device cuda --mode train --batch 16 --recompute $large
	run 120 "$ebb" bench --device cuda --mode sample --batch 64 $large
fi
exit $bad
