#include "made_run.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "fuzz.h"
#include "task/task.h"

#define ROWS 5

/* clang-format off */
enum { STEP, ENTROPY, REWARD, UPDATE, CLIP, SHOT, TOKEN, LOGP, MASK, N_FIELDS };
#define CURVE(axis) EBB_AXIS_##axis, EBB_F64_ELEMENT, 0, {0}, {0}, true
static const struct ebb_field field[N_FIELDS] = {
	[STEP] = {"axis/step", "steps", "rollout batches so far", "", CURVE(STEP)},
	[ENTROPY] = {"actor/entropy", "nats", "policy entropy", "", CURVE(STEP)},
	[REWARD] = {"reward/mean", "reward", "verifier reward", "", CURVE(STEP)},
	[UPDATE] = {"axis/update", "updates", "updates so far", "", CURVE(UPDATE)},
	[CLIP] = {"clip_ratio/low_mean", "share", "clipped from below", "", CURVE(UPDATE)},
	[SHOT] = {"axis/snapshot", "steps", "step of the snapshot", "", CURVE(SNAPSHOT)},
	[TOKEN] = {"tensor/token", "", "drawn tokens", "",
		EBB_AXIS_SNAPSHOT, EBB_I32_ELEMENT, 2, {2, 3}, {"sample", "token"}, true},
	[LOGP] = {"tensor/logp", "nats", "log-probability", "",
		EBB_AXIS_SNAPSHOT, EBB_F32_ELEMENT, 1, {3}, {"token"}, true},
	[MASK] = {"tensor/mask", "", "counts", "",
		EBB_AXIS_SNAPSHOT, EBB_U8_ELEMENT, 1, {3}, {"token"}, false},
};
#undef CURVE
/* clang-format on */

static void must(int rc, const struct ebb_err *err)
{
	if (rc < 0)
		EBB_BUG("the run cannot be made: %s", err->text);
}

static void write_rows(struct ebb_writer *w, struct ebb_err *err)
{
	const int32_t token[6] = {1, 2, 3, 4, 5, -1};
	const float logp[3] = {-0.5f, -0.25f, -2.0f};
	const uint8_t mask[3] = {1, 1, 255};

	for (int i = 0; i < ROWS; i++) {
		double x = i, y = 1.0 / (1.0 + i);

		ebb_writer_set(w, STEP, &x);
		ebb_writer_set(w, ENTROPY, &y);
		if (i != 2)
			ebb_writer_set(w, REWARD, &y);
		must(ebb_writer_row(w, EBB_AXIS_STEP, err), err);
		ebb_writer_set(w, UPDATE, &x);
		ebb_writer_set(w, CLIP, &y);
		must(ebb_writer_row(w, EBB_AXIS_UPDATE, err), err);
		ebb_writer_set(w, SHOT, &x);
		ebb_writer_set(w, TOKEN, token);
		ebb_writer_set(w, LOGP, logp);
		ebb_writer_set(w, MASK, mask);
		must(ebb_writer_row(w, EBB_AXIS_SNAPSHOT, err), err);
	}
}

static void write_trial(const char *dir, const struct ebb_definition *def, int plan,
			struct ebb_err *err)
{
	struct ebb_trial_head head = {.id = def->plan[plan].id,
				      .label = def->arm[def->plan[plan].arm].label,
				      .options = &def->plan[plan].options,
				      .catalog = ebb_task_catalog(),
				      .attempt = 1};
	struct ebb_writer *w;

	must(ebb_writer_open(&w, dir, &head, field, N_FIELDS, NULL, err), err);
	write_rows(w, err);
	must(ebb_writer_finish(w, EBB_STATUS_COMPLETE, ROWS, "", err), err);
}

void made_tensors(struct ebb_tensor_view view[MADE_TENSORS_N], float store[17])
{
	view[0] = (struct ebb_tensor_view){"weights/a", EBB_F32_ELEMENT, 3, 4, store};
	view[1] = (struct ebb_tensor_view){"weights/b", EBB_F32_ELEMENT, 1, 5, store + 12};
}

static void make(struct made_run *made)
{
	static const char *const override[] = {"algorithm=grpo,dapo", "seeds=2", "name=made"};
	struct ebb_tensor_view view[MADE_TENSORS_N];
	struct ebb_definition def;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	float store[17];

	ebb_record_setup();
	made->dir = ebb_path_join(fuzz_folder(), "run");
	must(ebb_definition_read(&def, ebb_task_catalog(), NULL, 0, override, 3, &diag, &err),
	     &err);
	for (int i = 0; i < def.n_plans; i++)
		write_trial(made->dir, &def, i, &err);
	must(ebb_index_write(made->dir, &def, ebb_task_catalog(), &err), &err);
	memcpy(made->id, def.plan[def.plan_of[0]].id, EBB_ID_MAX);
	made->path[MADE_INDEX] = ebb_path_join(made->dir, "run.h5");
	made->path[MADE_TRIAL] = ebb_xprintf("%s/trials/%s.h5", made->dir, made->id);
	made->path[MADE_TENSORS] = ebb_path_join(made->dir, "tensors.h5");
	for (int i = 0; i < 17; i++)
		store[i] = 0.5f * (float)i;
	made_tensors(view, store);
	must(ebb_tensors_write(made->path[MADE_TENSORS], MADE_IDENTITY, view, MADE_TENSORS_N, &err),
	     &err);
	for (int i = 0; i < MADE_N; i++)
		must(ebb_file_read(made->path[i], 1 << 24, &made->data[i], &made->n[i], &err),
		     &err);
	ebb_definition_release(&def);
	ebb_diag_release(&diag);
}

const struct made_run *made_run(void)
{
	static struct made_run made;

	if (!made.dir)
		make(&made);
	return &made;
}

void made_put(enum made_file which, const void *data, size_t n)
{
	const char *path = made_run()->path[which];
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, n) != (ssize_t)n || close(fd) < 0)
		EBB_BUG("cannot write '%s'", path);
}
