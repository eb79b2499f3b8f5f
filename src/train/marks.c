/* What becomes of entropy from step to step: has it exploded or collapsed (EI 1.4), and with
 * entropy.guard=stop the end of the trial. */
#include "train/stage.h"

void ebb_trial_mark(struct ebb_trial *t)
{
	double *m = t->reading.metric;

	if (t->o->entropy.guard == EBB_GUARD_OFF)
		return;
	ebb_guard_step(&t->guard, m[EBB_M_ENTROPY], t->lab->task->vocabulary);
	m[EBB_M_EXPLODED] = t->guard.exploded;
	m[EBB_M_COLLAPSED] = t->guard.collapsed;
}

bool ebb_trial_stops(const struct ebb_trial *t)
{
	return t->o->entropy.guard == EBB_GUARD_STOP && t->guard.exploded;
}
