#!/bin/sh
# The text of a file as a C string literal, a line of the one for a line of the other.
LC_ALL=C sed 's/[\\"]/\\&/g; s/	/\\t/g; s/^/"/; s/$/\\n"/' "$1"
