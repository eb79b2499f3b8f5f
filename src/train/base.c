/*
 * The base policy: pretrained on the task's demonstrations or taken from another trial, cached by
 * its identity.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/near.h"
#include "base/real.h"
#include "record/tensors.h"
#include "train/pretrain.h"

static int stages_of(const struct ebb_options *o, struct ebb_options **stage, int *n,
		     struct ebb_err *err);

/* The stages before enter resolved: the text of a preset may change, its name alone says little. */
static void identity_of(const struct ebb_options *o, struct ebb_buf *text)
{
	struct ebb_options *stage;
	struct ebb_err ignored; /* ebb_lab_check has been through the stages before */
	int n;

	stages_of(o, &stage, &n, &ignored);
	for (int i = 0; i < n; i++)
		ebb_options_base_identity(&stage[i], ebb_task_catalog(), text);
	free(stage);
	/* gradient slots change the order of sums and so the bits */
	ebb_buf_printf(text, "train.slot=%lld\n", (long long)o->train.slot);
}

char *ebb_base_path(const struct ebb_options *o, const char *base_dir)
{
	struct ebb_buf text = EBB_BUF_INIT;
	char hex[EBB_ID_MAX], *path;

	identity_of(o, &text);
	ebb_sha256_hex(text.data, text.len, hex, EBB_ID_MAX - 1);
	path = ebb_xprintf("%s/%s.h5", base_dir, hex);
	ebb_buf_release(&text);
	return path;
}

/*
 * The options of the stage before: everything that some preset of the task sets goes back to its
 * default, then the preset named by pretrain.from applies. The outcome depends on resolved options
 * alone, never on which preset the trial itself came from.
 */
static int stage_before(const struct ebb_options *o, struct ebb_options *before,
			struct ebb_err *err)
{
	const struct ebb_catalog *catalog = ebb_task_catalog();
	const struct ebb_task_rows *rows = &ebb_task_find(o->task.name)->rows;
	const char *wanted = NULL;
	struct ebb_near near;
	int rc = 0;

	ebb_near_init(&near, o->pretrain.from);
	for (int i = 0; i < rows->n_presets; i++) {
		ebb_near_offer(&near, rows->preset[i].name);
		if (strcmp(rows->preset[i].name, o->pretrain.from) == 0)
			wanted = rows->preset[i].settings;
	}
	if (!wanted)
		return ebb_err_set(err, EBB_EINVAL,
				   "pretrain.from: task '%s' has no preset '%s'%s%s", rows->name,
				   o->pretrain.from, near.best ? "; did you mean " : "",
				   near.best ? near.best : "");
	*before = *o;
	for (int pass = 0; pass < 2; pass++) {
		/* pass 0: the union of all presets' keys to defaults; pass 1: the wanted settings */
		for (int i = 0; i < (pass ? 1 : rows->n_presets); i++) {
			char *text = ebb_xstrdup(pass ? wanted : rows->preset[i].settings), *save;

			for (char *word = strtok_r(text, " ", &save); word && rc == 0;
			     word = strtok_r(NULL, " ", &save)) {
				char *value = strchr(word, '=');
				const struct ebb_option *row;

				if (!value)
					EBB_BUG("preset of task '%s': '%s'", rows->name, word);
				*value++ = 0;
				row = ebb_option_find(catalog, o->task.name, word);
				if (!row)
					EBB_BUG("preset of task '%s' sets '%s'", rows->name, word);
				rc = ebb_option_set(before, row, pass ? value : row->default_text,
						    err);
			}
			free(text);
		}
	}
	return rc;
}

#define STAGES_MAX 8

/* The stages that lead to the base of o, last first; *stage is the caller's to free. */
static int stages_of(const struct ebb_options *o, struct ebb_options **stage, int *n,
		     struct ebb_err *err)
{
	struct ebb_branch branch;
	int rc = 0;

	*stage = ebb_xcalloc(STAGES_MAX, sizeof **stage);
	(*stage)[0] = *o;
	*n = 1;
	if (ebb_branch_parse(o->pretrain.from, &branch))
		return 0;
	while (rc == 0 && (*stage)[*n - 1].pretrain.from[0]) {
		if (*n == STAGES_MAX)
			return ebb_err_set(err, EBB_EINVAL,
					   "pretrain.from: more than %d stages; do presets go in a "
					   "circle?",
					   STAGES_MAX);
		rc = stage_before(&(*stage)[*n - 1], &(*stage)[*n], err);
		*n += 1;
	}
	return rc;
}

/* From demonstrations, stage by stage, or from another trial. */
static int base_make(struct ebb_lab *lab, const char *base_dir, const char *path,
		     const char *identity, struct ebb_weights *w, struct ebb_watch *watch,
		     struct ebb_err *err)
{
	struct ebb_options *stage;
	struct ebb_branch branch;
	char *half = ebb_xprintf("%s.half", path);
	int n, rc;

	if (ebb_branch_parse(lab->o->pretrain.from, &branch)) {
		rc = ebb_branch_weights(&branch, base_dir, w, watch, err);
		if (rc < 0)
			ebb_err_wrap(err, "pretrain.from");
	} else {
		rc = stages_of(lab->o, &stage, &n, err);
		if (rc == 0)
			rc = ebb_pretrain(lab, stage, n, w, half, identity, watch, err);
		free(stage);
	}
	free(half);
	return rc;
}

/* EI 1.4: no policy reaches it, and alpha would rise for ever. */
static int check_target(const struct ebb_options *o, int V, struct ebb_err *err)
{
	const double most = ebb_log((double)V);

	if ((o->entropy.control != EBB_CONTROL_BANG_BANG &&
	     o->entropy.control != EBB_CONTROL_DUAL) ||
	    !(o->entropy.target > most))
		return 0;
	return ebb_err_set(err, EBB_EINVAL,
			   "entropy.target=%g is above ln %d = %.3g nats, the entropy of a uniform "
			   "policy over the tokens of task.name=%s: lower it",
			   o->entropy.target, V, most, o->task.name);
}

int ebb_lab_check(const struct ebb_options *o, struct ebb_err *err)
{
	const struct ebb_task *task = ebb_task_find(o->task.name);
	struct ebb_options *stage;
	struct ebb_branch branch;
	int n, rc = task->check ? task->check(o, err) : 0;

	if (rc < 0)
		return rc;
	/* options.def checks it against overlong.max; only the task knows the limit behind a 0 */
	if (o->overlong.mode == EBB_OVERLONG_SOFT && o->overlong.max == 0 &&
	    o->overlong.cache > ebb_lab_response_limit(o))
		return ebb_err_set(err, EBB_EINVAL,
				   "overlong.cache=%lld is larger than the response limit of %d "
				   "tokens: every response would be fined; lower it or raise "
				   "sample.max_tokens",
				   (long long)o->overlong.cache, ebb_lab_response_limit(o));
	if (o->info.coef > 0.0 && o->info.condition == EBB_INFO_R_ONLY && task->n_cue == 0)
		return ebb_err_set(
			err, EBB_EINVAL,
			"info.condition=r_only judges the answer after the chain alone, but "
			"the answers of task.name=%s are whole responses and nothing would "
			"come before them: take info.condition=q_and_r",
			o->task.name);
	rc = check_target(o, task->vocabulary, err);
	if (rc == 0)
		rc = ebb_data_check(o, err);
	if (rc < 0)
		return rc;
	if (ebb_branch_parse(o->pretrain.from, &branch)) {
		rc = ebb_branch_check(&branch, o, err);
		return rc < 0 ? ebb_err_wrap(err, "pretrain.from") : rc;
	}
	rc = stages_of(o, &stage, &n, err);
	free(stage);
	return rc;
}

void ebb_weights_views(const struct ebb_weights *w, const char *prefix,
		       struct ebb_tensor_view *view)
{
	const struct ebb_layout *layout = w->layout;

	for (int i = 0; i < layout->n_tensors; i++) {
		const struct ebb_tensor *t = &layout->tensor[i];

		if (t->layer < 0)
			snprintf(view[i].name, sizeof view[i].name, "%s%s", prefix, t->name);
		else
			snprintf(view[i].name, sizeof view[i].name, "%slayer.%d.%s", prefix,
				 t->layer, t->name);
		view[i].element = EBB_F32_ELEMENT;
		view[i].rows = t->rows;
		view[i].cols = t->cols;
		view[i].data = w->flat + t->offset;
	}
}

/* A base has no value head, whoever asks for it: the same file serves every arm. Where w has one,
 * the base is had without and the head begins at 0. */
static int base_widen(struct ebb_lab *lab, const char *base_dir, struct ebb_weights *w,
		      struct ebb_watch *watch, struct ebb_err *err)
{
	struct ebb_options plain = *lab->o;
	struct ebb_weights bare = {0};
	struct ebb_lab without;
	int rc;

	plain.critic.model = EBB_CRITIC_NONE;
	rc = ebb_lab_open(&without, &plain, err);
	if (rc < 0)
		return rc;
	rc = ebb_weights_init(&bare, &without.layout, without.ops, err);
	if (rc == 0)
		rc = ebb_base_get(&without, base_dir, &bare, watch, err);
	if (rc == 0)
		ebb_weights_adopt(w, &bare);
	ebb_weights_release(&bare);
	ebb_lab_close(&without);
	return rc;
}

static int base_plain(struct ebb_lab *lab, const char *base_dir, struct ebb_weights *w,
		      struct ebb_watch *watch, struct ebb_err *err)
{
	struct ebb_tensor_view *view = ebb_xcalloc((size_t)lab->layout.n_tensors, sizeof *view);
	struct ebb_buf identity = EBB_BUF_INIT;
	char *path = ebb_base_path(lab->o, base_dir), *lock_path = ebb_xprintf("%s.lock", path);
	int n = lab->layout.n_tensors, lock = -1, rc;

	ebb_weights_views(w, "", view);
	identity_of(lab->o, &identity);
	rc = ebb_dir_make(base_dir, err);
	if (rc == 0)
		rc = ebb_tensors_read(path, identity.data, view, n, err);
	if (rc == EBB_ENOENT || rc == EBB_EFORMAT) {
		/* the lock ends with its holder, also by kill -9 */
		lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (lock < 0 || flock(lock, LOCK_EX) < 0) {
			rc = ebb_stop_requested ? ebb_err_set(err, EBB_ESTOP, "interrupted")
						: ebb_err_set(err, EBB_EIO, "cannot lock '%s': %s",
							      lock_path, strerror(errno));
			goto out;
		}
		rc = ebb_tensors_read(path, identity.data, view, n, err);
		if (rc == EBB_ENOENT || rc == EBB_EFORMAT) {
			rc = base_make(lab, base_dir, path, identity.data, w, watch, err);
			if (rc == 0)
				rc = ebb_tensors_write(path, identity.data, view, n, err);
		}
	}
	if (rc == 0)
		ebb_weights_pack(w);
out:
	if (lock >= 0) /* the empty lock file stays: removing it would let a third process in */
		close(lock);
	free(lock_path);
	free(path);
	free(view);
	ebb_buf_release(&identity);
	return rc;
}

int ebb_base_get(struct ebb_lab *lab, const char *base_dir, struct ebb_weights *w,
		 struct ebb_watch *watch, struct ebb_err *err)
{
	return (lab->layout.model.value ? base_widen : base_plain)(lab, base_dir, w, watch, err);
}
