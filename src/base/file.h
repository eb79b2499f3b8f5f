/* Files and folders: whole-file reads, atomic replacement, paths. */
#ifndef EBB_BASE_FILE_H
#define EBB_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/* Read a whole file of at most limit bytes; the caller frees *data (zero-terminated). */
int ebb_file_read(const char *path, size_t limit, char **data, size_t *n, struct ebb_err *err);

/* Replace path by these bytes: path.tmp, fsync, rename, fsync of the folder. */
int ebb_file_write(const char *path, const void *data, size_t n, struct ebb_err *err);

/* Rename a finished temporary file into place and make both durable (fsync file and folder). */
int ebb_file_commit(const char *tmp, const char *path, struct ebb_err *err);

/* mkdir -p. */
int ebb_dir_make(const char *path, struct ebb_err *err);

bool ebb_file_exists(const char *path);

/* Can a file be created in this folder (or, where it does not exist, in its nearest existing
 * parent)? 0, or EBB_EIO with the reason. Creates nothing. */
int ebb_dir_writable(const char *path, struct ebb_err *err);

/* "a/b" from "a" and "b"; caller frees. */
char *ebb_path_join(const char *a, const char *b);

#endif
