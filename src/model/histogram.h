/* Histograms of raw logits, EBB_LOGIT_BINS bins over +-EBB_LOGIT_RANGE (model.h). */
#ifndef EBB_MODEL_HISTOGRAM_H
#define EBB_MODEL_HISTOGRAM_H

#include "model/model.h"

/* Count n logits; beyond the range they fall into the outermost bins, not-a-number into none. */
static inline void ebb_histogram_count(int64_t bin[EBB_LOGIT_BINS], const float *z, size_t n)
{
	const double scale = (double)EBB_LOGIT_BINS / (2.0 * EBB_LOGIT_RANGE);

	for (size_t k = 0; k < n; k++) {
		const double at = ((double)z[k] + EBB_LOGIT_RANGE) * scale;

		if (at >= 0 && at < EBB_LOGIT_BINS)
			bin[(int)at]++;
		else if (at < 0)
			bin[0]++;
		else if (at >= EBB_LOGIT_BINS)
			bin[EBB_LOGIT_BINS - 1]++;
	}
}

#endif
