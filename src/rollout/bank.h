/*
 * The bank from the sampler's side. Rows are claimed before the workers start; then every row has one
 * writer, and nobody reads a claimed one.
 */
#ifndef EBB_ROLLOUT_BANK_H
#define EBB_ROLLOUT_BANK_H

#include "model/net.h"
#include "rollout/rollout.h"

/* A call begins: no row is claimed. */
void ebb_bank_begin(struct ebb_bank *bank);
/* This call writes the row; what it held is gone. */
void ebb_bank_claim(struct ebb_bank *bank, int row);
/* May a sample of this call go on from the row? */
bool ebb_bank_open_to(const struct ebb_bank *bank, int row);

/* Does it hold the first n positions of the row? */
bool ebb_bank_has(const struct ebb_bank *bank, int row, int n);
/* The first n positions of a layer, into and out of a cache of the device's layout. */
void ebb_bank_read(const struct ebb_bank *bank, int row, int layer, int n, float *cache);
void ebb_bank_write(struct ebb_bank *bank, int row, int layer, int n, const float *cache);

#endif
