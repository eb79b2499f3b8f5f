/*
 * A small HDF5 file of named float tensors with an identity text: cached base policies
 * (data/base/<hash>.h5) and other weights on disk. Written by tmp + fsync + rename.
 */
#ifndef EBB_RECORD_TENSORS_H
#define EBB_RECORD_TENSORS_H

#include "base/err.h"

struct ebb_tensor_view {
	char name[64]; /* "layer.0.qkv" */
	int rows, cols;
	float *data; /* (rows, cols), borrowed */
};

/* identity: text that a reader must bring along to get the tensors back. */
int ebb_tensors_write(const char *path, const char *identity, const struct ebb_tensor_view *view,
		      int n, struct ebb_err *err);

/* Fill view[].data of the named tensors; EBB_EFORMAT where the identity, a name or a shape
 * differs or the file is damaged (a checksum over all bytes is kept and compared), EBB_ENOENT where
 * there is no file. */
int ebb_tensors_read(const char *path, const char *identity, const struct ebb_tensor_view *view,
		     int n, struct ebb_err *err);

#endif
