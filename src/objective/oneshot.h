/*
 * Which prompts one-shot training repeats: those on which the policy is most often of two minds.
 * Of u_i in {0, 1} over k samples the variance is rate (1 - rate), the population's; the largest are
 * taken, ties go to the lowest index. arXiv:2505.20282, EI 7.3.
 */
#ifndef EBB_OBJECTIVE_ONESHOT_H
#define EBB_OBJECTIVE_ONESHOT_H

/* rate (1 - rate) of so many successes in k samples. */
double ebb_pass_variance(int successes, int k);

/* The n of `candidates` prompts with the largest variance, in ascending order of index. */
void ebb_pass_select(const int *successes, int candidates, int k, int n, int *chosen);

#endif
