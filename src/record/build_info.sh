#!/bin/sh
# Facts of the build as a C header: build_info.sh OUTPUT SOURCE_ROOT BUILD_ROOT NAME=VALUE...
# Every NAME=VALUE becomes `#define EBB_BUILD_NAME "VALUE"`. The commit and the difference to it are
# asked of git, if the source root is the top of a working tree; the flags of the compiler are read
# from the build folder. The output is touched only when it changes, so that nothing is rebuilt.
set -u
LC_ALL=C
GIT_OPTIONAL_LOCKS=0 # never wait for, or disturb, somebody who is committing
export LC_ALL GIT_OPTIONAL_LOCKS

out=$1 source=$2 build=$3
shift 3

quote() { # a C string literal of one line
	printf '"%s"' "$(printf '%s' "$1" | tr '\n\r\t' '   ' | sed 's/[\\"]/\\&/g')"
}

commit=unknown describe=unknown dirty=unknown
: >"$out.diff"
if command -v git >/dev/null 2>&1 &&
	prefix=$(git -C "$source" rev-parse --show-prefix 2>/dev/null) && [ -z "$prefix" ] &&
	head=$(git -C "$source" rev-parse --verify -q HEAD 2>/dev/null); then
	commit=$head
	describe=$(git -C "$source" describe --always --dirty 2>/dev/null) || describe=$commit
	if git -C "$source" diff --no-ext-diff --quiet HEAD 2>/dev/null; then
		dirty=no
	else
		dirty=yes
		git -C "$source" diff --no-ext-diff --no-textconv --no-color HEAD 2>/dev/null |
			head -c 65536 >"$out.diff"
	fi
fi

# What is compiled, whatever git knows of it: the bits of a build follow from this, compiler and flags.
sources=$(cd "$source/src" && find . -type f | sort | tr '\n' '\0' | xargs -0 sha256sum | sha256sum) ||
	sources=unknown
sources=${sources%% *}

flags=$(grep -s '"command".*record/provenance\.c' "$build/compile_commands.json" | head -n 1 |
	tr -d '\\"' | tr ' ,' '\n\n' | grep -E '^-(O|f|m|g|std=|D)' | grep -v diagnostics | tr '\n' ' ')

{
	echo '/* Made by build_info.sh; do not edit. */'
	for pair in "$@"; do
		printf '#define EBB_BUILD_%s %s\n' "${pair%%=*}" "$(quote "${pair#*=}")"
	done
	printf '#define EBB_BUILD_GIT_COMMIT %s\n' "$(quote "$commit")"
	printf '#define EBB_BUILD_GIT_DESCRIBE %s\n' "$(quote "$describe")"
	printf '#define EBB_BUILD_GIT_DIRTY %s\n' "$(quote "$dirty")"
	printf '#define EBB_BUILD_SOURCES %s\n' "$(quote "$sources")"
	printf '#define EBB_BUILD_FLAGS %s\n' "$(quote "${flags% }")"
	echo 'static const unsigned char ebb_build_diff[] = {'
	od -An -v -tu1 "$out.diff" | sed 's/[0-9][0-9]*/&,/g'
	echo '0};'
} >"$out.new" || exit 1
rm -f "$out.diff"
if cmp -s "$out.new" "$out"; then rm -f "$out.new"; else mv -f "$out.new" "$out"; fi
