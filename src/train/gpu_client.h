/*
 * A worker's side of the GPU: its member's weights live on the device, requests are served there.
 * The host's copies of weights and moments are those of the last ebb_client_fetch.
 */
#ifndef EBB_TRAIN_GPU_CLIENT_H
#define EBB_TRAIN_GPU_CLIENT_H

#include "train/bench.h"
#include "train/gpu_channel.h"

/* Can a GPU serve a trial of these options? Null, or why not: a phrase. */
const char *ebb_client_refuses(const struct ebb_options *o);

/* Device memory for `members` trials of these options, estimated without a device; 0: not known. */
size_t ebb_client_bytes(const struct ebb_options *o, int members);

/* Take a seat and bring all policies and moments of the bench there. Waits while all seats are
 * taken. EBB_ENOMEM: the device has no room for one member. */
int ebb_client_join(struct ebb_channel *channel, struct ebb_bench *b, struct ebb_err *err);
int ebb_client_serve(struct ebb_channel *channel, struct ebb_bench *b, struct ebb_request *r,
		     struct ebb_err *err);
/* Bring weights and moments home. */
int ebb_client_fetch(struct ebb_channel *channel, struct ebb_bench *b, struct ebb_err *err);

#endif
