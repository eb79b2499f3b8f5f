/*
 * States of trials on disk. The identity of a state says which trajectory it lies on (the options
 * without train.steps, which only says where a trajectory ends), how rows are recorded, and which
 * build computed it: bits are promised for one binary, so another build begins again.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "train/bench.h"

#define POLICY_MARK "policy:" /* begins the last line of an identity */

/* ---- identity ---- */

/* Options that decide which rows there are; states and trials are kept by others. */
static bool shapes_rows(const struct ebb_option *row)
{
	return strcmp(row->group, "eval") == 0 || strcmp(row->group, "probe") == 0 ||
	       (strcmp(row->group, "ib") == 0 && strcmp(row->name, "probe") == 0) ||
	       (strcmp(row->group, "record") == 0 && strcmp(row->name, "snapshot") == 0);
}

static void identity_of(const struct ebb_options *o, struct ebb_buf *text)
{
	char trajectory[EBB_ID_MAX];
	const struct ebb_option *row;
	int n;

	ebb_options_trajectory(o, ebb_task_catalog(), trajectory);
	ebb_buf_printf(text, "ebb-state 1\nbuild=%s\ntrajectory=%s\n", ebb_build_id(), trajectory);
	row = ebb_option_rows(&n);
	for (int i = 0; i < n; i++) {
		if (!shapes_rows(&row[i]))
			continue;
		ebb_buf_printf(text, "%s.%s=", row[i].group, row[i].name);
		ebb_option_print(o, &row[i], text);
		ebb_buf_puts(text, "\n");
	}
}

/* The last lines of the identity, which decide nothing: what kind of policy the state holds, for
 * those who want the policy alone. */
static bool shapes_policy(const struct ebb_option *row)
{
	return strcmp(row->group, "model") == 0 ||
	       (strcmp(row->group, "task") == 0 && strcmp(row->name, "name") == 0);
}

static void add_policy(const struct ebb_options *o, struct ebb_buf *text)
{
	const struct ebb_option *row;
	int n;

	row = ebb_option_rows(&n);
	ebb_buf_puts(text, POLICY_MARK);
	for (int i = 0; i < n; i++) {
		if (!shapes_policy(&row[i]))
			continue;
		ebb_buf_printf(text, " %s.%s=", row[i].group, row[i].name);
		ebb_option_print(o, &row[i], text);
	}
}

/* What a reader must know before it can read the rest. */
static void add_sizes(struct ebb_buf *text, int64_t step, const struct ebb_trial_image *image)
{
	ebb_buf_printf(text, "step=%" PRId64 "\nnumbers=%zu\narrays=%zu\n", step, image->n_numbers,
		       image->n_arrays);
}

/* ---- paths ---- */

char *ebb_state_path(const char *run_dir, const char *id, int64_t step)
{
	if (step < 0)
		return ebb_xprintf("%s/" EBB_CHECKPOINTS_DIR "/%s.h5", run_dir, id);
	return ebb_xprintf("%s/" EBB_CHECKPOINTS_DIR "/%s@%" PRId64 ".h5", run_dir, id, step);
}

char *ebb_state_journal(const char *run_dir, const char *id)
{
	return ebb_xprintf("%s/" EBB_CHECKPOINTS_DIR "/%s.rows", run_dir, id);
}

/* ---- views ---- */

struct views {
	struct ebb_tensor_view *view;
	int n;
	double step, optim_t, critic_t, journal[1 + EBB_N_AXES];
};

static struct ebb_tensor_view *add_view(struct views *v, const char *name, enum ebb_element element,
					size_t cells, void *data)
{
	struct ebb_tensor_view *view;

	v->view = ebb_xrealloc(v->view, (size_t)v->n + 1, sizeof *v->view);
	view = &v->view[v->n++];
	*view = (struct ebb_tensor_view){
		.element = element, .rows = 1, .cols = (int64_t)cells, .data = data};
	snprintf(view->name, sizeof view->name, "%s", name);
	return view;
}

static void list_views(struct views *v, struct ebb_bench *b, const struct ebb_trial *trial,
		       const struct ebb_trial_image *image)
{
	size_t n = b->lab.layout.n_floats;

	*v = (struct views){0};
	add_view(v, "step", EBB_F64_ELEMENT, 1, &v->step);
	add_view(v, "journal", EBB_F64_ELEMENT, 1 + EBB_N_AXES, v->journal);
	for (int p = 0; p < b->n_policies; p++) {
		char prefix[32] = "weights/";

		if (!ebb_trial_policy_moves(trial, p))
			continue;
		if (p != EBB_POLICY_CURRENT)
			snprintf(prefix, sizeof prefix, "policy_%d/", p);
		v->view = ebb_xrealloc(v->view, (size_t)(v->n + b->lab.layout.n_tensors),
				       sizeof *v->view);
		ebb_weights_views(&b->policy[p], prefix, v->view + v->n);
		v->n += b->lab.layout.n_tensors;
	}
	add_view(v, "optimizer/m", EBB_F32_ELEMENT, n, b->optim.m);
	add_view(v, "optimizer/v", EBB_F32_ELEMENT, n, b->optim.v);
	add_view(v, "optimizer/t", EBB_F64_ELEMENT, 1, &v->optim_t);
	if (b->critic.m) {
		add_view(v, "critic/m", EBB_F32_ELEMENT, n, b->critic.m);
		add_view(v, "critic/v", EBB_F32_ELEMENT, n, b->critic.v);
		add_view(v, "critic/t", EBB_F64_ELEMENT, 1, &v->critic_t);
	}
	add_view(v, "trial/numbers", EBB_U8_ELEMENT, image->n_numbers, image->numbers);
	if (image->n_arrays > 0)
		add_view(v, "trial/arrays", EBB_U8_ELEMENT, image->n_arrays, image->arrays);
}

/* ---- write, peek, read ---- */

int ebb_state_write(const char *path, struct ebb_bench *b, struct ebb_trial *trial,
		    const struct ebb_journal_mark *mark, struct ebb_err *err)
{
	struct ebb_buf identity = EBB_BUF_INIT;
	struct ebb_trial_image image;
	struct views v;
	const char *cause;
	int64_t step;
	int rc;

	ebb_trial_save(trial, &image);
	ebb_trial_status(trial, &step, &cause);
	list_views(&v, b, trial, &image);
	v.step = (double)step;
	v.optim_t = (double)b->optim.t;
	v.critic_t = (double)b->critic.t;
	v.journal[0] = (double)mark->bytes;
	for (int a = 0; a < EBB_N_AXES; a++)
		v.journal[1 + a] = (double)mark->rows[a];
	identity_of(b->lab.o, &identity);
	add_sizes(&identity, step, &image);
	add_policy(b->lab.o, &identity);
	rc = ebb_tensors_write(path, identity.data, v.view, v.n, err);
	free(v.view);
	ebb_buf_release(&identity);
	ebb_trial_image_release(&image);
	return rc;
}

/* The identity of the file where it fits these options; caller frees. */
static int fitting(const char *path, const struct ebb_options *o, char **identity, int64_t *step,
		   size_t *arrays, struct ebb_err *err)
{
	struct ebb_buf want = EBB_BUF_INIT;
	size_t numbers;
	int rc = ebb_tensors_identity(path, identity, err);

	if (rc < 0)
		return rc;
	identity_of(o, &want);
	if (strncmp(*identity, want.data, want.len) != 0) {
		bool ours = strncmp(*identity, "ebb-state 1\n", 12) == 0;
		bool built = ours && strstr(*identity, ebb_build_id()) != NULL;

		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' %s", path,
				 !ours    ? "is not the state of a trial"
				 : !built ? "was written by another build of ebb"
					  : "belongs to other settings");
	} else if (sscanf(*identity + want.len, "step=%" SCNd64 "\nnumbers=%zu\narrays=%zu", step,
			  &numbers, arrays) != 3) {
		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' has a broken identity", path);
	}
	ebb_buf_release(&want);
	if (rc < 0)
		free(*identity);
	return rc;
}

int ebb_state_peek(const char *path, const struct ebb_options *o, int64_t *step,
		   struct ebb_err *err)
{
	char *identity;
	size_t arrays;
	int rc = fitting(path, o, &identity, step, &arrays, err);

	if (rc == 0)
		free(identity);
	return rc;
}

int ebb_state_trajectory(const char *path, char trajectory[EBB_ID_MAX], int64_t *step,
			 struct ebb_err *err)
{
	char *identity;
	const char *at, *end;
	int rc = ebb_tensors_identity(path, &identity, err);

	if (rc < 0)
		return rc;
	at = strstr(identity, "\ntrajectory=");
	end = strstr(identity, "\nstep=");
	if (!at || !end || sscanf(at, "\ntrajectory=%16[0-9a-f]", trajectory) != 1 ||
	    sscanf(end, "\nstep=%" SCNd64, step) != 1)
		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' is not the state of a trial", path);
	free(identity);
	return rc;
}

bool ebb_state_kept(const char *run_dir, const struct ebb_options *o, int64_t step,
		    char id[EBB_ID_MAX])
{
	char *folder = ebb_path_join(run_dir, EBB_CHECKPOINTS_DIR), want[EBB_ID_MAX],
	     *name = ebb_xprintf("@%" PRId64 ".h5", step), *own;
	bool found;
	DIR *dir;

	ebb_options_id(o, ebb_task_catalog(), id);
	own = ebb_state_path(run_dir, id, step);
	found = ebb_file_exists(own);
	dir = found ? NULL : opendir(folder);
	ebb_options_trajectory(o, ebb_task_catalog(), want);
	for (struct dirent *e; dir && !found && (e = readdir(dir));) {
		size_t n = strspn(e->d_name, "0123456789abcdef");
		char trajectory[EBB_ID_MAX], *path;
		struct ebb_err ignored;
		int64_t at;

		if (n != EBB_ID_MAX - 1 || strcmp(e->d_name + n, name) != 0)
			continue;
		path = ebb_path_join(folder, e->d_name);
		found = ebb_state_trajectory(path, trajectory, &at, &ignored) == 0 && at == step &&
			strcmp(trajectory, want) == 0;
		if (found)
			snprintf(id, EBB_ID_MAX, "%.*s", EBB_ID_MAX - 1, e->d_name);
		free(path);
	}
	if (dir)
		closedir(dir);
	free(own);
	free(name);
	free(folder);
	return found;
}

int ebb_state_policy(const char *path, struct ebb_options *o, struct ebb_err *err)
{
	char *identity;
	const char *line;
	int rc = ebb_tensors_identity(path, &identity, err);

	if (rc < 0)
		return rc;
	ebb_options_init(o, ebb_task_catalog());
	line = strstr(identity, "\n" POLICY_MARK);
	if (strncmp(identity, "ebb-state 1\n", 12) != 0 || !line)
		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' does not say what policy it holds", path);
	else
		rc = ebb_options_apply(o, ebb_task_catalog(), line + strlen("\n" POLICY_MARK), err);
	free(identity);
	return rc;
}

int ebb_state_weights(const char *path, struct ebb_weights *w, struct ebb_err *err)
{
	struct ebb_tensor_view *view = ebb_xcalloc((size_t)w->layout->n_tensors, sizeof *view);
	int rc;

	ebb_weights_views(w, "weights/", view);
	rc = ebb_tensors_read_some(path, view, w->layout->n_tensors, err);
	free(view);
	if (rc == 0)
		ebb_weights_pack(w);
	return rc;
}

int ebb_state_read(const char *path, struct ebb_bench *b, struct ebb_trial *trial,
		   struct ebb_journal_mark *mark, struct ebb_err *err)
{
	struct ebb_buf sizes = EBB_BUF_INIT;
	struct ebb_trial_image image;
	char *identity;
	struct views v;
	int64_t step;
	size_t arrays;
	int rc = fitting(path, b->lab.o, &identity, &step, &arrays, err);

	if (rc < 0)
		return rc;
	ebb_trial_image(trial, &image);
	if (arrays == 0)
		image.n_arrays = 0;
	add_sizes(&sizes, step, &image); /* of this trial: must be what the file says */
	if (!strstr(identity, sizes.data))
		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' has arrays of another size", path);
	list_views(&v, b, trial, &image);
	if (rc == 0)
		rc = ebb_tensors_read(path, identity, v.view, v.n, err);
	if (rc == 0) {
		ebb_trial_restore(trial, &image);
		for (int p = 0; p < b->n_policies; p++)
			if (ebb_trial_policy_moves(trial, p))
				ebb_weights_pack(&b->policy[p]);
		b->optim.t = (int64_t)v.optim_t;
		b->critic.t = (int64_t)v.critic_t;
		mark->bytes = (int64_t)v.journal[0];
		for (int a = 0; a < EBB_N_AXES; a++)
			mark->rows[a] = (int64_t)v.journal[1 + a];
	}
	free(v.view);
	free(identity);
	ebb_buf_release(&sizes);
	ebb_trial_image_release(&image);
	return rc;
}
