/*
 * A line behind the last byte of a finished file: "\nebb-seal crc32=0123abcd\n", the CRC-32 (as in
 * zlib) of everything before it. HDF5 ignores what follows its own end of file. The library itself
 * crashes or loops on about one in a hundred files with a flipped bit (counted with 1.10.8), so our
 * readers look at the seal before it sees a file. A program that edits a file drops the line; an
 * unsealed file is read as it is.
 */
#ifndef EBB_RECORD_SEAL_H
#define EBB_RECORD_SEAL_H

#include <stdbool.h>
#include "base/err.h"

/* Append the line to a closed file. */
int ebb_seal_write(const char *path, struct ebb_err *err);

/* Does the file end in the line? (whether it fits or not) */
bool ebb_seal_there(const char *path);

/* 0: intact, or unsealed; EBB_EFORMAT: its bytes are not those that were written. */
int ebb_seal_check(const char *path, struct ebb_err *err);

#endif
