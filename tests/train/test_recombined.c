/*
 * Presets as they stand, and switches from different algorithms thrown together: every definition is
 * refused with a text that says what to change, or its trial runs to the end, exactly on-policy where
 * nothing disturbs the sampler, with the same bytes on more threads and after kill -9.
 * EBB_RECOMBINED=N tries N definitions instead of the few of a quick test, EBB_RECOMBINED_SEED=S others.
 */
#include "fixture.h"
#include <signal.h>
#include <sys/wait.h>
#include "base/rng.h"
#include "record/differ.h"
#include "record/pack.h"

#define QUICK    30
#define SWITCHES 6 /* enumerated options of a definition, at most */
#define ACTS     4 /* numbers that make switches act, at most     */
#define KILL_US  60000

static const char small[] =
	"task.operands=3 task.modulus=3 pretrain.steps=60 pretrain.lr=0.01 train.lr=1e-4 "
	"train.prompts=3 train.group=3 tree.b0=2 tree.rounds=2 em.candidates=4 em.samples=2 "
	"advantage.reference_samples=2 dynamic.max_rounds=2 covariance.fraction=0.2 ib.probe=2 "
	"probe.states=16 eval.cadence=1 record.snapshot=1";

static const char *const acts[] = {
	"entropy.coef=0.1",
	"info.coef=0.1",
	"kl.coef=0.1",
	"kl_old.coef=0.1",
	"train.epochs=2",
	"train.minibatches=1",
	"sample.max_tokens=6",
	"sample.top_p=0.8",
	"sample.temperature=2",
	"sample.stale=2",
	"ref.every=1",
	"advantage.refresh=1",
	"advantage.discount=0.9",
	"preference.refresh=2",
	"preference.refresh=0",
	"em.prompts=2",
	"em.temperature=0.5",
	"task.noise=0.2",
	"overlong.cache=2",
	"overlong.in_baseline=false",
	"reward.truncated_value=-0.5",
	"tree.rounds=3",
	"tree.merge_duplicates=true",
	"ib.lambda=0.5",
	"info.close=true",
	"covariance.fraction=0.5",
	"eval.chains=3",
};

/* ---- what is drawn ---- */

static uint32_t below(struct ebb_rng *r, size_t n)
{
	return ebb_rng_below(r, (uint32_t)n);
}

/* An enumerated option that is part of the science, with one of its values. */
static void add_switch(struct ebb_rng *r, struct ebb_buf *text)
{
	const struct ebb_option *row;
	int n, choices = 0;

	row = ebb_option_rows(&n);
	do
		row = ebb_option_rows(&n) + below(r, (size_t)n);
	while (!row->choice || row->class != EBB_SCIENCE);
	while (row->choice[choices])
		choices++;
	ebb_buf_printf(text, " %s.%s=%s", row->group, row->name,
		       row->choice[below(r, (size_t)choices)]);
}

static char *draw_settings(uint32_t seed, int i)
{
	struct ebb_rng r = {.draw = {.seed = seed, .stream = EBB_STREAM_TEST, .slot = (uint32_t)i}};
	struct ebb_buf text = EBB_BUF_INIT;
	const struct ebb_preset *preset;
	int n;

	preset = ebb_preset_rows(&n);
	preset += below(&r, (size_t)n);
	ebb_buf_printf(&text, "%s %s", small, preset->settings);
	for (uint32_t k = 1 + below(&r, SWITCHES); k > 0; k--)
		add_switch(&r, &text);
	for (uint32_t k = below(&r, ACTS + 1); k > 0; k--)
		ebb_buf_printf(&text, " %s", acts[below(&r, sizeof acts / sizeof *acts)]);
	return ebb_buf_take(&text);
}

/* ---- refused ---- */

struct refusal {
	const char *settings;
	int n;
};

/* Place and cause: an option by its full key. Remedy: behind a colon. */
static void check_refusal(void *ctx, const char *text)
{
	struct refusal *f = ctx;
	const struct ebb_option *row;
	bool named = false;
	int n;

	row = ebb_option_rows(&n);
	for (int i = 0; i < n && !named; i++) {
		char *key = ebb_xprintf("%s.%s", row[i].group, row[i].name);

		named = strstr(text, key) != NULL;
		free(key);
	}
	f->n++;
	cr_expect(named, "no option named in '%s' for %s", text, f->settings);
	cr_expect(strchr(text, ':') || strchr(text, ';'), "no remedy in '%s' for %s", text,
		  f->settings);
}

static bool is_refused(const struct ebb_options *o, const char *settings)
{
	struct refusal f = {.settings = settings};
	struct ebb_err err = EBB_ERR_INIT;

	ebb_options_check(o, check_refusal, &f);
	if (f.n == 0 && ebb_lab_check(o, &err) < 0)
		check_refusal(&f, err.text);
	return f.n > 0;
}

/* ---- run ---- */

static char *record_at(const struct ebb_options *o, const char *name)
{
	char *run_dir = ebb_path_join(dir, name), *path, id[EBB_ID_MAX];

	ebb_options_id(o, ebb_task_catalog(), id);
	path = ebb_trial_path(run_dir, id);
	free(run_dir);
	return path;
}

static void same_record(const struct ebb_options *o, const char *a, const char *b,
			const char *settings)
{
	char *x = record_at(o, a), *y = record_at(o, b);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_difference d;

	cr_assert_eq(ebb_differ(x, y, &d, &err), 0, "%s: %s", settings, err.text);
	cr_assert_gt(d.compared, 60, "%s", settings);
	cr_expect_eq(d.differing + d.only_a + d.only_b, 0, "%s: %s against %s: %s, %s", settings, a,
		     b, d.first, d.values);
	free(x);
	free(y);
}

static void expect_on_policy(const struct ebb_options *o, const struct ebb_run *run,
			     const char *settings)
{
	struct ebb_array dev = read_array(run, "rollout/ratio_max_dev");

	for (size_t i = 0;
	     i < cells(&dev) && o->sample.mismatch == EBB_MISMATCH_NONE && o->sample.top_p == 1.0;
	     i++)
		cr_expect(isnan(dev.value[i]) || dev.value[i] == 0.0, "%s: off by %g", settings,
			  dev.value[i]);
	ebb_array_release(&dev);
}

/* A child that saves after every request, killed after a while; what is left goes on from there. */
static void run_killed(const struct ebb_options *o, const char *name, uint32_t us)
{
	struct ebb_options saving = *o;
	struct ebb_run run;
	pid_t pid;

	saving.run.checkpoint_s = 0;
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		run = run_of(&saving, name);
		_exit(0);
	}
	usleep(us);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	run = run_of(&saving, name);
	ebb_run_release(&run);
}

static void try_settings(const char *settings, uint32_t us, bool *refused)
{
	struct ebb_options o = options_of(settings), threads = o;
	struct ebb_run run, other;
	char *line;

	*refused = is_refused(&o, settings);
	if (*refused)
		return;
	run = run_of(&o, "plain");
	expect_on_policy(&o, &run, settings);
	threads.run.threads = 2;
	other = run_of(&threads, "threads");
	same_record(&o, "plain", "threads", settings);
	run_killed(&o, "killed", us);
	same_record(&o, "plain", "killed", settings);
	ebb_run_release(&other);
	ebb_run_release(&run);
	line = ebb_xprintf("cd %s && rm -rf plain threads killed", dir);
	cr_assert_eq(system(line), 0);
	free(line);
}

static long number_of(const char *variable, long otherwise)
{
	const char *text = getenv(variable);

	return text ? strtol(text, NULL, 10) : otherwise;
}

Test(train, recombined_switches_work_or_are_refused, .timeout = 0)
{
	const long n = number_of("EBB_RECOMBINED", QUICK);
	const uint32_t seed = (uint32_t)number_of("EBB_RECOMBINED_SEED", 7);
	struct ebb_rng r = {.draw = {.seed = seed, .stream = EBB_STREAM_TEST, .sample = 1}};
	long refused = 0;

	for (int i = 0; i < n; i++) {
		char *settings = draw_settings(seed, i);
		bool no;

		try_settings(settings, below(&r, KILL_US), &no);
		refused += no;
		free(settings);
	}
	cr_expect(refused > n / 20 && refused < n * 3 / 4, "%ld of %ld refused", refused, n);
}

/* Each preset as it stands in the table. */
Test(train, every_preset_repeats_and_resumes, .timeout = 0)
{
	struct ebb_rng r = {.draw = {.seed = 8, .stream = EBB_STREAM_TEST, .sample = 1}};
	const struct ebb_preset *preset;
	int n;

	preset = ebb_preset_rows(&n);
	for (int i = 0; i < n; i++) {
		char *settings = ebb_xprintf("%s train.steps=4 %s", small, preset[i].settings);
		bool refused;

		try_settings(settings, below(&r, KILL_US), &refused);
		cr_expect_not(refused, "%s is refused", preset[i].name);
		free(settings);
	}
}
