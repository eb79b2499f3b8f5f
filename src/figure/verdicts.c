/* What a figure is evidence for: the verdicts below its caption. */
#include <stdlib.h>
#include <string.h>
#include "analysis/verdict.h"
#include "figure/kind.h"

static bool reads_metric(const struct ebb_figure *f, const char *metric)
{
	int p;

	for (p = 0; p < EBB_FIGURE_PANELS && f->panel[p].metric != NULL; p++)
		if (strcmp(f->panel[p].metric, metric) == 0)
			return true;
	return false;
}

static bool shows_arm(const struct ebb_lot *lot, int arm)
{
	int i;

	for (i = 0; i < lot->n; i++)
		if (lot->arm[i] == arm)
			return true;
	return false;
}

struct rank {
	const struct ebb_judgement *j;
	int foreign; /* metrics and arms it reads that the figure does not show */
	int place;   /* in the run's list                                        */
};

/* Nothing in common: false. What was found not applicable is evidence of nothing. */
static bool rank_of(const struct ebb_judgement *j, const struct ebb_figure *f,
		    const struct ebb_lot *lot, struct rank *r)
{
	int i, metrics = 0, arms = 0;

	if (j->verdict == EBB_NOT_APPLICABLE)
		return false;
	for (i = 0; i < j->n_metrics; i++)
		metrics += reads_metric(f, j->metric[i]);
	for (i = 0; i < j->n_arms; i++)
		arms += shows_arm(lot, j->arm[i]);
	r->j = j;
	r->foreign = j->n_metrics - metrics + j->n_arms - arms;
	return metrics > 0 && arms > 0;
}

static bool decided(const struct ebb_judgement *j)
{
	return j->verdict != EBB_INCONCLUSIVE;
}

static int by_relevance(const void *a, const void *b)
{
	const struct rank *p = a, *q = b;

	if (p->foreign != q->foreign)
		return p->foreign - q->foreign;
	if (decided(p->j) != decided(q->j))
		return decided(q->j) - decided(p->j);
	return p->place - q->place;
}

static enum ebb_mark_shape mark_of(const struct ebb_judgement *j)
{
	if (j->holds)
		return EBB_MARK_HOLDS;
	switch (j->verdict) {
	case EBB_CONTRADICTED:
		return EBB_MARK_AGAINST;
	case EBB_EQUIVALENT:
		return EBB_MARK_NOTHING;
	default:
		return EBB_MARK_OPEN;
	}
}

int ebb_sheet_evidence(const struct ebb_judgements *verdicts, const struct ebb_figure *figure,
		       const struct ebb_lot *lot, int **claim)
{
	struct rank *rank;
	int i, n = 0;

	*claim = NULL;
	if (verdicts == NULL || verdicts->n == 0)
		return 0;
	rank = ebb_xcalloc((size_t)verdicts->n, sizeof *rank);
	for (i = 0; i < verdicts->n; i++) {
		rank[n].place = i;
		n += rank_of(&verdicts->claim[i], figure, lot, &rank[n]);
	}
	qsort(rank, (size_t)n, sizeof *rank, by_relevance);
	*claim = ebb_xcalloc((size_t)n + 1, sizeof **claim);
	for (i = 0; i < n; i++)
		(*claim)[i] = rank[i].place;
	free(rank);
	return n;
}

void ebb_sheet_judge(struct ebb_sheet *sheet, const struct ebb_judgements *verdicts,
		     const struct ebb_figure *figure, const struct ebb_lot *lot, const char *run)
{
	struct ebb_buf line = EBB_BUF_INIT;
	int *claim, i, n, shown;

	n = ebb_sheet_evidence(verdicts, figure, lot, &claim);
	shown = n > EBB_CAPTION_VERDICTS ? EBB_CAPTION_VERDICTS : n;
	if (n > 0)
		sheet->verdict = ebb_xcalloc((size_t)shown + 1, sizeof *sheet->verdict);
	for (i = 0; i < shown; i++) {
		const struct ebb_judgement *j = &verdicts->claim[claim[i]];

		line = (struct ebb_buf)EBB_BUF_INIT;
		ebb_judgement_line(j, &line);
		sheet->verdict[i] = (struct ebb_sheet_verdict){ebb_xstrdup(line.data), mark_of(j)};
		ebb_buf_release(&line);
	}
	sheet->n_verdicts = shown;
	if (n > shown)
		sheet->verdict[sheet->n_verdicts++] = (struct ebb_sheet_verdict){
			ebb_xprintf("and %d more: ebb claims %s", n - shown, run), EBB_MARK_NONE};
	free(claim);
}

void ebb_sheet_release(struct ebb_sheet *sheet)
{
	int i;

	for (i = 0; i < sheet->n_verdicts; i++)
		free(sheet->verdict[i].line);
	free(sheet->verdict);
	*sheet = (struct ebb_sheet){0};
}
