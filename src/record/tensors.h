/*
 * A small HDF5 file of named tensors with an identity text: cached base policies
 * (data/base/<hash>.h5), checkpoints and kept states of trials. Written by tmp + fsync + rename.
 */
#ifndef EBB_RECORD_TENSORS_H
#define EBB_RECORD_TENSORS_H

#include "record/record.h"

struct ebb_tensor_view {
	char name[64]; /* "layer.0.qkv"; slashes make groups: "weights/layer.0.qkv" */
	enum ebb_element element;
	int64_t rows, cols;
	void *data; /* (rows, cols), borrowed */
};

/* identity: text that a reader must bring along to get the tensors back. */
int ebb_tensors_write(const char *path, const char *identity, const struct ebb_tensor_view *view,
		      int n, struct ebb_err *err);

/* Fill view[].data of the named tensors; EBB_EFORMAT where the identity, a name or a shape
 * differs or the file is damaged (a checksum over all bytes is kept and compared), EBB_ENOENT where
 * there is no file. */
int ebb_tensors_read(const char *path, const char *identity, const struct ebb_tensor_view *view,
		     int n, struct ebb_err *err);

/* The same for some of a file's tensors, whatever its identity: the seal of the whole file, which
 * must be there, is compared instead of the checksum over the tensors. */
int ebb_tensors_read_some(const char *path, const struct ebb_tensor_view *view, int n,
			  struct ebb_err *err);

/* The identity of a file and nothing else; caller frees. Codes as ebb_tensors_read. */
int ebb_tensors_identity(const char *path, char **identity, struct ebb_err *err);

/* The value of the tensor "step" (float64, 1 x 1), which is repeated behind HDF5's own end, so that
 * this costs one small read. -1: not there, or the file is not whole. */
int64_t ebb_tensors_step(const char *path);

#endif
