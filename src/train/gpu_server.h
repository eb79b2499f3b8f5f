/* The process that has the GPU: populations of equal-shaped members, passes that many share. */
#ifndef EBB_TRAIN_GPU_SERVER_H
#define EBB_TRAIN_GPU_SERVER_H

#include "train/gpu_channel.h"

/* Open the device, say so in office->state, and serve until office->closing. For a process of its
 * own: no other may use the device's library before or after a fork. */
void ebb_server_run(struct ebb_office *office);

#endif
