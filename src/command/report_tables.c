/* The tables of numbers: final values with their paired differences, and every trial. */
#include <math.h>
#include "command/html.h"
#include "command/report.h"

/* ---- final values ---- */

static void widen(double *from, double *to, double x)
{
	if (isfinite(x)) {
		*from = fmin(*from, x);
		*to = fmax(*to, x);
	}
}

/* One scale for all differences of a metric, so that drawings compare. */
static void find_scale(const struct ebb_comparison *c, double *from, double *to)
{
	double pad;

	*from = *to = 0;
	for (int i = 0; i < c->n; i++) {
		const struct ebb_comparison_row *row = &c->row[i];

		if (row->baseline < 0 || row->baseline == row->arm)
			continue;
		widen(from, to, row->diff.mean);
		widen(from, to, row->diff.low);
		widen(from, to, row->diff.high);
	}
	pad = 0.06 * (*to - *from);
	*from -= pad;
	*to += pad;
}

static double largest_mean(const struct ebb_comparison *c)
{
	double top = 0;

	for (int i = 0; i < c->n; i++)
		if (isfinite(c->row[i].value.mean))
			top = fmax(top, fabs(c->row[i].value.mean));
	return top;
}

static void put_final(struct ebb_buf *out, const struct ebb_comparison_row *row, int decimals)
{
	ebb_html_cell_count(out, row->value.n);
	ebb_html_cell_number(out, row->value.mean, decimals);
	ebb_html_cell_number(out, row->value.sd, decimals);
}

static void put_difference(struct ebb_buf *out, const struct ebb_report *r,
			   const struct ebb_comparison_row *row, int decimals, double from,
			   double to)
{
	struct ebb_report_interval i = {
		row->diff.mean, row->diff.low, row->diff.high, 0, (double)NAN, from, to};

	if (row->baseline < 0 || row->baseline == row->arm || row->diff.n == 0) {
		ebb_html(out, "<td class=\"pale\">%s</td><td></td><td></td><td></td><td></td>",
			 row->baseline == row->arm ? "baseline" : "no pairs");
		return;
	}
	ebb_html(out, "<td>%s</td><td class=\"effect\" data-v=\"",
		 r->roster.run.arm[row->baseline].label);
	ebb_buf_double(out, row->diff.mean);
	ebb_html(out, "\">");
	ebb_html_signed(out, row->diff.mean, decimals);
	if (isfinite(row->diff.low)) {
		ebb_html(out, " <span class=\"ci\">[");
		ebb_html_signed(out, row->diff.low, decimals);
		ebb_html(out, ", ");
		ebb_html_signed(out, row->diff.high, decimals);
		ebb_html(out, "]</span>");
	}
	ebb_report_interval(out, &i);
	ebb_html(out, "</td>");
	ebb_html_cell_p(out, row->diff.p_t);
	ebb_html_cell_p(out, row->p_holm);
	ebb_html_cell_p(out, row->diff.p_sign);
}

static void put_comparison(struct ebb_buf *out, const struct ebb_report *r,
			   const struct ebb_comparison *c)
{
	int decimals = ebb_html_decimals(largest_mean(c)), diverged = 0, unfinished = 0;
	double from, to;

	find_scale(c, &from, &to);
	ebb_html(out, "<h3>%s<small>%s%s%s</small></h3>\n", c->metric, c->about,
		 *c->unit ? ", " : "", c->unit);
	ebb_html(out,
		 "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"final values of "
		 "%s\"><table class=\"sortable\"><thead><tr><th scope=\"col\">Arm</th>"
		 "<th scope=\"col\" class=\"n\">N</th><th scope=\"col\" class=\"n\">Final</th><th "
		 "scope=\"col\" class=\"n\">sd</th>"
		 "<th scope=\"col\">Against</th><th scope=\"col\">Difference [95&nbsp;%% interval]"
		 "</th><th scope=\"col\" class=\"n\">p</th><th scope=\"col\" "
		 "class=\"n\">p&nbsp;Holm</th>"
		 "<th scope=\"col\" class=\"n\">p&nbsp;flip</th></tr></thead><tbody>\n",
		 c->metric);
	for (int i = 0; i < c->n; i++) {
		const struct ebb_comparison_row *row = &c->row[i];

		diverged += row->n_diverged;
		unfinished += row->n_unfinished;
		ebb_html(out, "<tr><th scope=\"row\">%s</th>", r->roster.run.arm[row->arm].label);
		put_final(out, row, decimals);
		put_difference(out, r, row, decimals, from, to);
		ebb_html(out, "</tr>\n");
	}
	ebb_html(out, "</tbody></table></div>\n");
	if (diverged + unfinished > 0)
		ebb_html(out,
			 "<p class=\"legend\">Without a final value: %d diverged, %d not "
			 "finished.</p>\n",
			 diverged, unfinished);
}

void ebb_report_comparison(struct ebb_buf *out, const struct ebb_report *r)
{
	int n = 0;

	ebb_html(out, "<section id=\"finals\">\n<h2>Final values</h2>\n");
	for (int k = 0; k < EBB_REPORT_N_METRICS; k++) {
		if (!r->compared[k].there)
			continue;
		put_comparison(out, r, &r->compared[k].table);
		n++;
	}
	if (n == 0)
		ebb_html(out, "<p>No finished trial has recorded accuracy or entropy.</p>\n");
	else
		ebb_html(
			out,
			"<p class=\"legend\">A trial's final value is the mean over the last tenth "
			"of its rows. Differences are paired by seed, with Student's t interval; p "
			"Holm is adjusted for the number of differences of a table, p flip is the "
			"exact sign-flip test, from 8 pairs on. The drawings of a table share one "
			"scale; the upright line stands at no difference.</p>\n");
	ebb_html(out, "</section>\n");
}

/* ---- trials ---- */

#define ROWS_SEEN 80 /* more trials scroll in a window of their own */

static double final_of(const struct ebb_report *r, int k, const struct ebb_roster_row *row)
{
	const struct ebb_comparison *c = &r->compared[k].table;

	for (int i = 0; i < c->n && r->compared[k].there; i++)
		if (c->row[i].arm == row->arm)
			return c->row[i].final[row->seed];
	return NAN;
}

static void put_steps(struct ebb_buf *out, const struct ebb_standing *s)
{
	if (s->step < 0) {
		ebb_html_cell_count(out, -1);
		return;
	}
	ebb_html(out, "<td class=\"n\" data-v=\"%lld\">%lld", (long long)s->step,
		 (long long)s->step);
	if (s->steps >= 0 && s->steps != s->step)
		ebb_html(out, "/%lld", (long long)s->steps);
	ebb_html(out, "</td>");
}

static void put_trial(struct ebb_buf *out, const struct ebb_report *r, int i)
{
	const struct ebb_roster_row *row = &r->roster.row[i];
	const struct ebb_standing *s = &row->standing;
	double wall = r->trial[i].wall_s;

	ebb_html(out, "<tr><td class=\"id\"><code>%s</code></td><td>%s</td>", row->id,
		 r->trial[i].arms);
	ebb_html(out, "<td class=\"n\">%llu</td><td>",
		 (unsigned long long)ebb_roster_seed(&r->roster, i));
	ebb_report_state(out, s->state);
	ebb_html(out, "</td>");
	put_steps(out, s);
	ebb_html_cell_number(out, wall, wall < 100 ? 1 : 0);
	ebb_html_cell_number(out, final_of(r, EBB_REPORT_ACCURACY, row), 3);
	ebb_html_cell_number(out, final_of(r, EBB_REPORT_ENTROPY, row), 3);
	ebb_html_cell_count(out, s->attempt > 0 ? s->attempt : -1);
	ebb_html(out, "<td class=\"cause\">%s</td></tr>\n", s->cause);
}

void ebb_report_trials(struct ebb_buf *out, const struct ebb_report *r)
{
	ebb_html(out,
		 "<section id=\"trials\">\n<h2>Trials</h2>\n"
		 "<p class=\"filter\" hidden><label>Show trials with <input type=\"search\" "
		 "id=\"filter\" autocomplete=\"off\" spellcheck=\"false\"></label> "
		 "<output for=\"filter\" aria-live=\"polite\"></output></p>\n"
		 "<div class=\"wide%s\" tabindex=\"0\" role=\"region\" aria-label=\"trials\">"
		 "<table class=\"sortable\" id=\"trial-table\"><thead><tr>"
		 "<th scope=\"col\">Trial</th><th scope=\"col\">Arm</th><th scope=\"col\" "
		 "class=\"n\">Seed</th>"
		 "<th scope=\"col\">State</th><th scope=\"col\" class=\"n\">Steps</th>"
		 "<th scope=\"col\" class=\"n\">Wall&nbsp;time,&nbsp;s</th><th scope=\"col\" "
		 "class=\"n\">Accuracy</th>"
		 "<th scope=\"col\" class=\"n\">Entropy</th><th scope=\"col\" "
		 "class=\"n\">Attempts</th>"
		 "<th scope=\"col\">Cause</th></tr></thead><tbody>\n",
		 r->roster.n > ROWS_SEEN ? " tall" : "");
	for (int i = 0; i < r->roster.n; i++)
		put_trial(out, r, i);
	ebb_html(out, "</tbody></table></div>\n</section>\n");
}
