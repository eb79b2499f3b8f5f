/* ebb status: where every trial of a run stands, told by its files while others write them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "analysis/table.h"
#include "command/command.h"
#include "command/roster.h"

#define ID_SHORT  6  /* digits of an id on a narrow terminal, more where they are ambiguous */
#define LABEL_MIN 12 /* columns that are left of a label at least                           */
#define CAUSE_MIN 16

static const char help[] =
	"  RUN      the run directory, also while an `ebb run` works there\n"
	"  --json   one object: {\"run\",\"dir\",\"working\",\"counts\":{STATE:n},\"trials\":"
	"[{\"id\",\"arm\",\n"
	"           \"seed\",\"state\",\"step\",\"steps\",\"attempt\",\"resume\",\"reward\","
	"\"entropy\",\"age_s\",\"cause\"}]};\n"
	"           what is not known is null\n\n"
	"  queued    not started                     done      finished\n"
	"  running   a worker writes it              diverged  finished early, a number was no "
	"number\n"
	"  stale     killed or interrupted; the next `ebb run` resumes it\n"
	"  failed    an error stopped it; the next `ebb run` tries again\n\n"
	"resume is the step of the last checkpoint, which a trial that is killed now continues "
	"from;\n"
	"reward and entropy (nats) are those of the last rollout batch; age is the time since the\n"
	"trial's files last changed. On a narrow terminal attempts, resume and age are left out "
	"and\n"
	"long texts cut; into a pipe everything goes whole.\n\n"
	"exit status: 0, 2 usage or a run that cannot be read\n";

struct request {
	const char *run;
	bool json, done;
};

static int parse(int argc, char **argv, struct request *q)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			q->done = true;
			return ebb_command_help("status", help);
		}
		if (strcmp(argv[i], "--json") == 0)
			q->json = true;
		else if (argv[i][0] == '-' && argv[i][1])
			return ebb_command_usage("status", "unknown option '%s'", argv[i]);
		else if (q->run)
			return ebb_command_usage("status", "one run at a time; '%s' is too much",
						 argv[i]);
		else
			q->run = argv[i];
	}
	if (!q->run)
		return ebb_command_usage("status", "name the run directory");
	return 0;
}

/* ---- text ---- */

/* Columns of the terminal that stdout is; 0: it is none, and nothing is cut. */
static int columns(void)
{
	struct winsize w;

	if (!isatty(1))
		return 0;
	return ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* The text in at most so many columns, its end replaced by "..". */
static char *elide(const char *text, int room)
{
	char *cut = ebb_xstrdup(text);
	size_t n = strlen(cut);

	if (ebb_text_width(cut) <= room)
		return cut;
	while (n > 0 && ebb_text_width(cut) > room - 2) {
		do
			n--;
		while (n > 0 && ((unsigned char)cut[n] & 0xc0) == 0x80);
		cut[n] = 0;
	}
	memcpy(cut + n, "..", 3); /* at least two bytes were taken away: the text was wider */
	return cut;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The least number of digits that tells all ids apart. */
static int short_digits(const struct ebb_roster *r)
{
	const char **id = ebb_xcalloc((size_t)r->n + 1, sizeof *id);
	int digits = ID_SHORT;

	for (int i = 0; i < r->n; i++)
		id[i] = r->row[i].id;
	qsort(id, (size_t)r->n, sizeof *id, by_id);
	for (int i = 1; i < r->n; i++)
		while (digits < EBB_ID_MAX - 1 && strncmp(id[i], id[i - 1], (size_t)digits) == 0)
			digits++;
	free(id);
	return digits;
}

static void age_text(char text[16], double s)
{
	if (isnan(s))
		snprintf(text, 16, "-");
	else if (s < 0.5)
		snprintf(text, 16, "now");
	else if (s < 100)
		snprintf(text, 16, "%.0f s", s);
	else if (s < 6000)
		snprintf(text, 16, "%.0f min", s / 60);
	else if (s < 48 * 3600)
		snprintf(text, 16, "%.0f h", s / 3600);
	else
		snprintf(text, 16, "%.0f d", fmin(s / 86400, 99999));
}

static void step_text(char text[48], const struct ebb_standing *s)
{
	char step[24] = "-", steps[24] = "-";

	if (s->step >= 0)
		snprintf(step, sizeof step, "%lld", (long long)s->step);
	if (s->steps >= 0)
		snprintf(steps, sizeof steps, "%lld", (long long)s->steps);
	snprintf(text, 48, "%s/%s", step, steps);
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

/* How the table is fitted to a terminal. */
struct layout {
	int digits;       /* of an id                                     */
	int label, cause; /* columns they may take; cause 0: nobody has one */
	bool brief;       /* without attempts, resume and age             */
};

/* Columns the table takes besides labels and causes, gaps included. */
static int fixed_columns(const struct ebb_roster *r, const struct layout *l)
{
	int seed = 4, step = 4, state = 8, reward = 6, entropy = 7;
	int others = l->brief ? 0 : 8 + 6 + 6 + 3 * 2, gaps = 6 + (l->cause > 0);
	char text[48];

	for (int i = 0; i < r->n; i++) {
		seed = most(seed, snprintf(text, sizeof text, "%llu",
					   (unsigned long long)ebb_roster_seed(r, i)));
		step_text(text, &r->row[i].standing);
		step = most(step, (int)strlen(text));
	}
	return l->digits + seed + state + step + reward + entropy + others + 2 * gaps;
}

/* First ids become short, then columns go that --json has, then texts are cut. */
static struct layout fit(const struct ebb_roster *r, int width)
{
	struct layout l = {.digits = EBB_ID_MAX - 1, .label = 3};
	int room;

	for (int i = 0; i < r->n; i++) {
		l.label = most(l.label, ebb_text_width(ebb_roster_label(r, i)));
		l.cause = most(l.cause, ebb_text_width(r->row[i].standing.cause));
	}
	if (width == 0 || l.label + l.cause <= width - fixed_columns(r, &l))
		return l;
	l.digits = short_digits(r);
	l.brief = l.label + (l.cause > CAUSE_MIN ? CAUSE_MIN : l.cause) >
		  width - fixed_columns(r, &l);
	room = width - fixed_columns(r, &l);
	if (l.label + l.cause > room && l.cause > 0)
		l.cause = most(CAUSE_MIN, room - l.label);
	if (l.label + l.cause > room)
		l.label = most(LABEL_MIN, room - l.cause);
	return l;
}

static void put_count(struct ebb_table *t, int64_t n)
{
	if (n >= 0)
		ebb_table_cell(t, "%lld", (long long)n);
	else
		ebb_table_cell(t, "-");
}

static void put_elided(struct ebb_table *t, const char *text, int room)
{
	char *cut = elide(text, room);

	ebb_table_cell(t, "%s", cut);
	free(cut);
}

static void put_row(struct ebb_table *t, const struct ebb_roster *r, int i, const struct layout *l)
{
	const struct ebb_standing *s = &r->row[i].standing;
	char step[48], age[16];

	step_text(step, s);
	age_text(age, s->state == EBB_STATE_QUEUED ? (double)NAN : s->age_s);
	ebb_table_cell(t, "%.*s", l->digits, r->row[i].id);
	put_elided(t, ebb_roster_label(r, i), l->label);
	ebb_table_cell(t, "%llu", (unsigned long long)ebb_roster_seed(r, i));
	ebb_table_cell(t, "%s", ebb_state_word(s->state));
	ebb_table_cell(t, "%s", step);
	if (!l->brief) {
		put_count(t, s->attempt);
		put_count(t, s->resume);
	}
	ebb_table_number(t, s->reward, 3);
	ebb_table_number(t, s->entropy, 3);
	if (!l->brief)
		ebb_table_cell(t, "%s", age);
	if (l->cause > 0)
		put_elided(t, s->cause, l->cause);
}

static void print_table(const struct ebb_roster *r)
{
	static const char *const whole[] = {"trial",   "<arm",     "seed",   "<state",
					    "step",    "attempts", "resume", "reward",
					    "entropy", "age",      "<cause"};
	static const char *const brief[] = {"trial", "<arm",   "seed",    "<state",
					    "step",  "reward", "entropy", "<cause"};
	struct layout l = fit(r, columns());
	struct ebb_table t;

	ebb_table_init(&t, (l.brief ? 7 : 10) + (l.cause > 0), l.brief ? brief : whole);
	for (int i = 0; i < r->n; i++)
		put_row(&t, r, i, &l);
	ebb_table_print(&t, stdout);
	ebb_table_release(&t);
}

static void print_text(const struct ebb_roster *r)
{
	struct ebb_buf head = EBB_BUF_INIT;
	int waiting =
		r->count[EBB_STATE_QUEUED] + r->count[EBB_STATE_STALE] + r->count[EBB_STATE_FAILED];

	ebb_roster_summary(r, &head);
	printf("%s: %s%s\n\n", r->run.name, head.data,
	       !r->working && waiting > 0 ? " here; the same ebb run command continues" : " here");
	ebb_buf_release(&head);
	print_table(r);
}

/* ---- json ---- */

static void add_count(struct ebb_buf *b, const char *name, int64_t n)
{
	ebb_buf_printf(b, ",\"%s\":", name);
	if (n >= 0)
		ebb_buf_printf(b, "%lld", (long long)n);
	else
		ebb_buf_puts(b, "null");
}

static void add_number(struct ebb_buf *b, const char *name, double x)
{
	ebb_buf_printf(b, ",\"%s\":", name);
	ebb_json_number(b, x);
}

static void print_json(const struct ebb_roster *r)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_puts(&b, "{\"run\":");
	ebb_buf_json(&b, r->run.name);
	ebb_buf_puts(&b, ",\"dir\":");
	ebb_buf_json(&b, r->run.dir);
	ebb_buf_printf(&b, ",\"working\":%s,\"counts\":{", r->working ? "true" : "false");
	for (int k = 0; k < EBB_N_STATES; k++)
		ebb_buf_printf(&b, "%s\"%s\":%d", k ? "," : "", ebb_state_word((enum ebb_state)k),
			       r->count[k]);
	ebb_buf_puts(&b, "},\"trials\":[");
	for (int i = 0; i < r->n; i++) {
		const struct ebb_standing *s = &r->row[i].standing;

		ebb_buf_printf(&b, "%s\n{\"id\":\"%s\",\"arm\":", i ? "," : "", r->row[i].id);
		ebb_buf_json(&b, ebb_roster_label(r, i));
		ebb_buf_printf(&b, ",\"seed\":%llu,\"state\":\"%s\"",
			       (unsigned long long)ebb_roster_seed(r, i), ebb_state_word(s->state));
		add_count(&b, "step", s->step);
		add_count(&b, "steps", s->steps);
		add_count(&b, "attempt", s->attempt);
		add_count(&b, "resume", s->resume);
		add_number(&b, "reward", s->reward);
		add_number(&b, "entropy", s->entropy);
		add_number(&b, "age_s", s->state == EBB_STATE_QUEUED ? (double)NAN : s->age_s);
		ebb_buf_puts(&b, ",\"cause\":");
		if (s->cause[0])
			ebb_buf_json(&b, s->cause);
		else
			ebb_buf_puts(&b, "null");
		ebb_buf_puts(&b, "}");
	}
	ebb_buf_puts(&b, "\n]}\n");
	fputs(b.data, stdout);
	ebb_buf_release(&b);
}

int ebb_command_status(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_roster roster = {0};
	struct request q = {0};
	int status = parse(argc, argv, &q);

	if (status != 0 || q.done)
		return status;
	ebb_record_setup();
	if (ebb_roster_open(&roster, q.run, &err) < 0)
		return ebb_command_fail("status", &err);
	if (q.json)
		print_json(&roster);
	else
		print_text(&roster);
	ebb_roster_release(&roster);
	return EBB_EXIT_OK;
}
