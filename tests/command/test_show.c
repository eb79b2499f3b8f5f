/* ebb show: every number of a snapshot is there, and legible with and without colours. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <pty.h>
#include "command/runs.h"
#include "task/task.h"

TestSuite(show, .init = make_dir, .fini = remove_dir, .timeout = 240);

/* Random rewards and a large step: something is clipped. */
#define LIVELY SHORT "record.snapshot=4 reward.source=random train.lr=0.05 "

static struct ebb_run open_run(const char *name)
{
	char *path = ebb_path_join(dir, name);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run r;

	ebb_record_setup();
	cr_assert_eq(ebb_run_open(&r, path, &err), 0, "%s", err.text);
	free(path);
	return r;
}

static struct ebb_array read_array(const struct ebb_run *r, const char *name)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_array a;

	cr_assert_eq(ebb_run_read(r, 0, 0, name, &a, &err), 0, "%s", err.text);
	return a;
}

static json_t *answer(void)
{
	json_error_t e;
	json_t *root = json_loads(output.data, JSON_REJECT_DUPLICATES, &e);

	cr_assert_not_null(root, "line %d: %s in\n%s", e.line, e.text, output.data);
	return root;
}

static void check_token(json_t *token, const struct ebb_task *task, double id, double entropy,
			double logp, double advantage, double clip)
{
	static const char *const word[] = {"passed", "low", "high", "dual"};

	cr_assert_eq(json_number_value(json_object_get(token, "id")), id);
	cr_assert_str_eq(json_string_value(json_object_get(token, "text")), task->symbol[(int)id]);
	cr_assert_eq(json_number_value(json_object_get(token, "entropy")), entropy);
	cr_assert_eq(json_number_value(json_object_get(token, "logp")), logp);
	cr_assert_eq(json_number_value(json_object_get(token, "advantage")), advantage);
	cr_assert_str_eq(json_string_value(json_object_get(token, "clip")), word[(int)clip]);
}

Test(show, json_has_every_number_of_the_record)
{
	const struct ebb_task *task = ebb_task_find("chain");
	struct ebb_array token, start, logp, entropy, advantage, reward, clip;
	json_t *root, *questions;
	struct ebb_run r;
	int R, T, W, clipped = 0;

	run("run algorithm=grpo seeds=1 " LIVELY "--out r");
	run("pack r --out packed");
	r = open_run("r");
	token = read_array(&r, "snapshot/token");
	start = read_array(&r, "snapshot/start");
	logp = read_array(&r, "snapshot/logp");
	entropy = read_array(&r, "snapshot/entropy");
	advantage = read_array(&r, "snapshot/advantage");
	reward = read_array(&r, "snapshot/reward");
	clip = read_array(&r, "snapshot/clip");
	R = (int)token.dim[1];
	W = (int)token.dim[2];
	T = (int)logp.dim[2];
	for (int s = 0; s < 2; s++) { /* snapshots of the steps 0 and 4 */
		run(s == 0 ? "show r grpo:100 0 --json" : "show packed grpo:100 --json");
		root = answer();
		cr_assert_eq(json_integer_value(json_object_get(root, "step")), 4 * s);
		cr_assert_eq(json_array_size(json_object_get(root, "logit_histogram")), 96);
		questions = json_object_get(root, "questions");
		cr_assert_eq(json_array_size(questions), R / 4);
		for (int i = 0; i < R; i++) {
			json_t *q = json_array_get(questions, i / 4);
			json_t *a = json_array_get(json_object_get(q, "responses"), i % 4);
			json_t *tokens = json_object_get(a, "tokens");
			int first = (int)start.value[s * R + i], n = 0;

			cr_assert_eq(json_array_size(json_object_get(q, "prompt_tokens")), first);
			cr_assert_eq(json_number_value(json_object_get(a, "reward")),
				     reward.value[s * R + i]);
			for (; n < T && !isnan(logp.value[(s * R + i) * T + n]); n++) {
				int c = (s * R + i) * T + n;

				check_token(json_array_get(tokens, n), task,
					    token.value[(s * R + i) * W + first + n],
					    entropy.value[c], logp.value[c], advantage.value[c],
					    clip.value[c]);
				clipped += clip.value[c] > 0;
			}
			cr_assert_eq(json_array_size(tokens), n);
		}
		json_decref(root);
	}
	cr_assert_gt(clipped, 0, "no token is clipped: its marks were not tested");
	ebb_array_release(&token);
	ebb_array_release(&start);
	ebb_array_release(&logp);
	ebb_array_release(&entropy);
	ebb_array_release(&advantage);
	ebb_array_release(&reward);
	ebb_array_release(&clip);
	ebb_run_release(&r);
}

/* Lines that begin with a label, and the columns they take. */
static int count_lines(const char *label, int limit)
{
	int n = 0;

	for (const char *s = output.data; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		int columns = 0;

		n += strncmp(s, label, strlen(label)) == 0;
		for (const char *c = s; *c && *c != '\n'; c++)
			columns += (*c & 0xc0) != 0x80;
		cr_assert_leq(columns, limit, "%.*s", (int)strcspn(s, "\n"), s);
	}
	return n;
}

/* The critic's values stand beside the advantages where there is a critic, and nowhere else. */
Test(show, values_of_a_critic)
{
	struct ebb_array value;
	struct ebb_err err = EBB_ERR_INIT;
	json_t *root, *token;
	struct ebb_run r;

	run("run algorithm=ppo seeds=1 " LIVELY "--out v");
	r = open_run("v");
	value = read_array(&r, "snapshot/value");
	run("show v ppo:100 4 --json");
	root = answer();
	token = json_object_get(json_array_get(json_object_get(root, "questions"), 0), "responses");
	token = json_array_get(json_object_get(json_array_get(token, 0), "tokens"), 0);
	cr_assert(fabs(value.value[value.dim[1] * value.dim[2]]) > 0.0);
	cr_assert_eq(json_number_value(json_object_get(token, "value")),
		     value.value[value.dim[1] * value.dim[2]]);
	json_decref(root);
	setenv("COLUMNS", "80", 1);
	run("show v ppo:100 4 --n 1");
	cr_assert_geq(count_lines("    V ", 80), 1);
	says("the critic's value");
	ebb_array_release(&value);
	ebb_run_release(&r);

	run("run algorithm=grpo seeds=1 " LIVELY "--out none");
	r = open_run("none");
	cr_assert_lt(ebb_run_read(&r, 0, 0, "snapshot/value", &value, &err), 0);
	run("show none grpo:100 4 --n 1");
	says_not("the critic's value");
	ebb_run_release(&r);
}

Test(show, text_is_aligned_and_says_what_it_shows)
{
	char id[EBB_ID_MAX], *line;

	run("run algorithm=grpo seeds=1 " LIVELY "--out r");
	setenv("COLUMNS", "80", 1);
	run("show r grpo:100 0 --n 2");
	says("arm      grpo, seed 100");
	says("step     0; kept: 0 4");
	says("questions 1 to 2 of 4, 4 responses each (--n 0 shows all)");
	says("question 2:");
	says_not("question 3:");
	says("advantage");
	says("█");
	says_not("\033");
	cr_assert_geq(count_lines("    token", 80), 2);
	cr_assert_eq(count_lines("    token", 80), count_lines("    clip", 80));
	cr_assert_eq(count_lines("    H", 80), count_lines("    logp", 80));
	/* the same trial by the beginning of its id */
	id_of("r", "grpo", "100", id);
	line = ebb_xprintf("show r %.6s 0 --n 0", id);
	run(line);
	says("questions 1 to 4 of 4");
	says("question 4:");
	free(line);
	/* a narrow terminal, and one that knows no UTF-8 */
	setenv("COLUMNS", "40", 1);
	run("show r grpo:100 0 --n 1");
	count_lines("", 40);
	setenv("LC_ALL", "C", 1);
	run("show r grpo:100 0 --n 1");
	for (const char *c = output.data; *c; c++)
		cr_assert(*c > 0, "'%s' is no ASCII", c);
}

/* What ebb writes on a terminal. */
static void on_terminal(const char *no_color)
{
	struct winsize size = {.ws_row = 40, .ws_col = 100};
	char chunk[4096];
	int fd, status;
	ssize_t n;
	pid_t pid = forkpty(&fd, NULL, NULL, &size);

	cr_assert(pid >= 0);
	if (pid == 0) {
		setenv("TERM", "xterm", 1);
		unsetenv("NO_COLOR");
		if (no_color)
			setenv("NO_COLOR", no_color, 1);
		if (chdir(dir) == 0)
			execl(getenv("EBB_EXE"), "ebb", "show", "r", "grpo:100", "--n", "1", NULL);
		_exit(9);
	}
	ebb_buf_reset(&output);
	ebb_buf_puts(&output, "");
	while ((n = read(fd, chunk, sizeof chunk)) > 0)
		ebb_buf_add(&output, chunk, (size_t)n);
	close(fd);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", output.data);
}

Test(show, colours_only_where_they_are_wanted)
{
	run("run algorithm=grpo seeds=1 " SHORT "--out r");
	on_terminal(NULL);
	says("\033[1m");
	on_terminal("1");
	says("reward");
	says_not("\033");
}

Test(show, what_is_not_there_is_named)
{
	run("run algorithm=grpo,gspo seeds=2 " SHORT "record.snapshot=4 --out r");
	cr_assert_eq(ebb("show r"), 2);
	says("which trial?");
	cr_assert_eq(ebb("show r grpp:100"), 2);
	says("did you mean 'grpo'");
	cr_assert_eq(ebb("show r gspo"), 2);
	says("did you mean 'gspo:100'");
	cr_assert_eq(ebb("show r gspo:99"), 2);
	says("the nearest is 100");
	cr_assert_eq(ebb("show r gspo:x"), 2);
	says("'x' is no seed");
	cr_assert_eq(ebb("show r gspo:100 3"), 2);
	says("the nearest: 0 and 4");
	cr_assert_eq(ebb("show r gspo:100 9"), 2);
	says("the nearest: 4 (");
	cr_assert_eq(ebb("show r gspo:100 last"), 2);
	says("'last' is no step");
	cr_assert_eq(ebb("show r gspo:100 --n x"), 2);
	run("run algorithm=grpo seeds=1 " SHORT "record.snapshot=0 --out none");
	cr_assert_eq(ebb("show none grpo:100"), 2);
	says("record.snapshot=N keeps one");
}
