#!/bin/sh
# Run a test program so that any sanitizer or valgrind report of any of its processes fails it:
# Criterion's workers print such reports and still count as passed.
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
export ASAN_OPTIONS="log_path=$d/asan:$ASAN_OPTIONS"
export UBSAN_OPTIONS="log_path=$d/ubsan:print_stacktrace=1:$UBSAN_OPTIONS"
[ -n "$STRICT_VALGRIND" ] && set -- valgrind -q --trace-children=yes --leak-check=full \
	--show-leak-kinds=definite --log-file="$d/valgrind.%p" "$@"
"$@"
rc=$?
for f in "$d"/*; do
	[ -s "$f" ] && { cat "$f" >&2; rc=1; }
done
exit $rc
