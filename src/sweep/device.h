/*
 * The GPU of a sweep: whether there shall be one, the process that has it, and who may use it.
 * Members of one shape share passes; trials a GPU cannot serve run on the CPU beside them.
 */
#ifndef EBB_SWEEP_DEVICE_H
#define EBB_SWEEP_DEVICE_H

#include <stdio.h>
#include "sweep/sweep.h"
#include "train/gpu_channel.h"

struct ebb_device {
	struct ebb_office *office; /* null: everything runs on the CPU */
	int pid;                   /* of the server                    */
	int jobs;                  /* workers it serves at most        */
	bool required;             /* run.device=cuda                  */
	char note[640];            /* what a person should know; may be empty */
};

/* Start the server where the options want a GPU; nothing is written. run.device=auto without a device
 * is no error; run.device=cuda is, EBB_EINVAL with the reason. */
int ebb_device_open(struct ebb_device *device, const struct ebb_sweep *sweep, struct ebb_err *err);
/* End the server. */
void ebb_device_close(struct ebb_device *device);

/* The channel of worker slot i for a trial of these options; null: it runs on the CPU. */
struct ebb_channel *ebb_device_channel(const struct ebb_device *device, int slot,
				       const struct ebb_definition *def,
				       const struct ebb_options *o);
/* The worker on the slot has ended; may a new one begin there? */
void ebb_device_leave(struct ebb_device *device, int slot);
bool ebb_device_free(const struct ebb_device *device, int slot);
/* The server has ended by itself, with this status of wait(2). */
void ebb_device_lost(struct ebb_device *device, int wait_status);

/* Which trials would share passes, and what memory they take. */
void ebb_device_print(const struct ebb_sweep *sweep, FILE *out);

#endif
