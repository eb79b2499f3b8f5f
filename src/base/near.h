/* The nearest of a set of names, for "did you mean" in messages. */
#ifndef EBB_BASE_NEAR_H
#define EBB_BASE_NEAR_H

#include <stddef.h>

struct ebb_near {
	const char *word; /* what the user typed                        */
	const char *best; /* nearest candidate so far, null if none yet */
	int distance;
};

/* Offer candidates one by one; best stays null unless one is within a third of the word's length
 * (at least 2) of edits. Distance: insert, delete, replace, swap of neighbours; case costs nothing;
 * a candidate whose part after the last '.' or '/' equals the word counts as distance 1. */
void ebb_near_init(struct ebb_near *near, const char *word);
void ebb_near_offer(struct ebb_near *near, const char *candidate);

#endif
