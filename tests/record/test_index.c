/* run.h5 and reading a run: links, arms that share a trial, what is missing, wrong files. */
#include "fixture.h"

#include <fcntl.h>
#include <hdf5.h>
#include <sys/file.h>

TestSuite(index, .init = folder_make, .fini = folder_remove);

static struct fake *write_run(int finished)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct fake *f = fake_make();
	char *trials = in_folder("trials");

	for (int p = 0; p < finished; p++)
		OK(write_trial(folder, f->plan[p].id, 10 + p, &err));
	OK(ebb_index_write(folder, &f->def, &catalog, &err));
	free(trials);
	return f;
}

Test(index, an_empty_run_can_be_opened)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	struct ebb_array a;
	struct fake *f = write_run(0);

	OK(ebb_run_open(&run, folder, &err));
	cr_assert_str_eq(run.name, "coins");
	cr_assert_str_eq(run.about, f->def.about);
	cr_assert_eq(run.n_arms, 2);
	cr_assert_eq(run.n_seeds, 3);
	cr_assert_eq(run.seed[2], 102);
	cr_assert_eq(run.n_figures, 2);
	cr_assert_str_eq(run.figure[1], "accuracy");
	cr_assert_eq(run.n_claims, 1);
	cr_assert_str_eq(run.claim[0], "final(entropy) < 0.5");
	for (int i = 0; i < 6; i++)
		cr_assert_not(run.finished[i]);
	cr_assert_eq(ebb_run_read(&run, 0, 0, "actor/entropy", &a, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "not finished"), "%s", err.text);
	ebb_run_release(&run);
	ebb_run_release(&run); /* safe on zero */
	free(f);
}

Test(index, arms_settings_and_missing_trials)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	struct ebb_array a;
	struct fake *f = write_run(3); /* a0, a1 and the shared one */
	char *index = in_folder("run.h5");

	OK(ebb_run_open(&run, index, &err)); /* by the file's own name, too */
	cr_assert_str_eq(run.arm[0].label, "grpo eps_low=0.1");
	cr_assert_str_eq(run.arm[1].label, "grpo eps_low=0.2 from=a/b");
	cr_assert_eq(run.arm[1].n_axes, 2);
	cr_assert_str_eq(run.arm[1].axis[1].key, "clip.low");
	cr_assert_str_eq(run.arm[1].axis[1].value, "0.2");
	cr_assert_str_eq(run.trial[1 * 3 + 2], ID_SAME);
	cr_assert_str_eq(run.trial[0 * 3 + 2], ID_SAME);
	cr_assert_str_eq(run.trial[1 * 3 + 0], ID_B0);
	cr_assert(run.finished[0] && run.finished[1] && run.finished[2] && run.finished[5]);
	cr_assert_not(run.finished[3]);
	cr_assert_not(run.finished[4]);
	OK(ebb_run_read(&run, 1, 2, "actor/entropy", &a, &err));
	cr_assert_eq(a.dim[0], 12);
	ebb_array_release(&a);
	ebb_run_release(&run);
	free(index);
	free(f);
}

/* The links work from any working directory and after the run was moved. */
Test(index, links_resolve_after_a_move)
{
	struct fake *f = write_run(5);
	char *moved = ebb_xprintf("%s-moved", folder), *index = ebb_xprintf("%s/run.h5", moved);
	const char *const path[] = {
		"trials/" ID_B1 "/actor/entropy",
		"arms/000 grpo eps_low=0.1/100/actor/entropy",
		"arms/000 grpo eps_low=0.1/102/actor/entropy",
		"arms/001 grpo eps_low=0.2 from=a|b/102/actor/entropy",
	};
	const hsize_t rows[] = {14, 10, 12, 12};
	hid_t file;

	cr_assert_eq(rename(folder, moved), 0);
	cr_assert_eq(chdir("/"), 0);
	file = H5Fopen(index, H5F_ACC_RDONLY, H5P_DEFAULT);
	cr_assert_geq(file, 0);
	for (int i = 0; i < 4; i++) {
		hid_t dset = H5Dopen2(file, path[i], H5P_DEFAULT), space;
		hsize_t dim;

		cr_assert_geq(dset, 0, "%s", path[i]);
		space = H5Dget_space(dset);
		H5Sget_simple_extent_dims(space, &dim, NULL);
		cr_assert_eq(dim, rows[i], "%s has %d rows", path[i], (int)dim);
		H5Sclose(space);
		H5Dclose(dset);
	}
	H5Fclose(file);
	cr_assert_eq(rename(moved, folder), 0);
	free(moved);
	free(index);
	free(f);
}

Test(index, names_and_near_names)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	struct ebb_array a;
	struct fake *f = write_run(1);
	char **name;
	int n, found = 0;

	OK(ebb_run_open(&run, folder, &err));
	OK(ebb_run_names(&run, 0, 0, &name, &n, &err));
	cr_assert_eq(n, N_FIELDS);
	for (int i = 0; i < n; i++)
		found += strcmp(name[i], "eval/pass@k") == 0 || strcmp(name[i], "tensor/mask") == 0;
	cr_assert_eq(found, 2);
	for (int i = 0; i < n; i++)
		free(name[i]);
	free(name);
	cr_assert_eq(ebb_run_read(&run, 0, 0, "actor/entrpoy", &a, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "did you mean 'actor/entropy'"), "%s", err.text);
	cr_assert_null(a.value);
	for (const char *const *bad =
		     (const char *const[]){"", "/", "actor", "actor/", "nowhere/x/y", "..", NULL};
	     *bad; bad++)
		cr_assert_lt(ebb_run_read(&run, 0, 0, *bad, &a, &err), 0, "'%s' was read", *bad);
	ebb_run_release(&run);
	free(f);
}

Test(index, many_seeds_and_arms_fit)
{
	enum { SEEDS = 9000, ARMS = 12 };
	struct ebb_err err = EBB_ERR_INIT;
	struct fake *f = fake_make();
	struct ebb_definition def = f->def;
	struct ebb_run run;

	def.n_seeds = SEEDS;
	def.n_arms = ARMS;
	def.seed = calloc(SEEDS, sizeof *def.seed);
	def.arm = calloc(ARMS, sizeof *def.arm);
	def.plan_of = calloc(ARMS * SEEDS, sizeof *def.plan_of);
	for (int s = 0; s < SEEDS; s++)
		def.seed[s] = 1000u + (uint64_t)s;
	for (int a = 0; a < ARMS; a++) {
		def.arm[a] = f->arm[a % 2];
		for (int s = 0; s < SEEDS; s++)
			def.plan_of[a * SEEDS + s] = (a + s) % 5;
	}
	OK(ebb_index_write(folder, &def, &catalog, &err));
	OK(ebb_run_open(&run, folder, &err));
	cr_assert_eq(run.n_seeds, SEEDS);
	cr_assert_eq(run.n_arms, ARMS);
	cr_assert_eq(run.seed[SEEDS - 1], 1000 + SEEDS - 1);
	for (int i = 0; i < ARMS * SEEDS; i++)
		cr_assert_str_eq(run.trial[i], f->plan[def.plan_of[i]].id);
	ebb_run_release(&run);
	free(def.seed);
	free(def.arm);
	free(def.plan_of);
	free(f);
}

Test(index, wrong_places_are_named)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct fake *f = write_run(1);
	struct ebb_run run;
	char *index = in_folder("run.h5"), *trial = in_folder("trials/" ID_A0 ".h5"),
	     *nowhere = in_folder("nowhere"), *trials = in_folder("trials");
	hid_t file, attr;
	int64_t version = 99;

	cr_assert_eq(ebb_run_open(&run, nowhere, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "nowhere"), "%s", err.text);
	cr_assert_eq(ebb_run_open(&run, trials, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "run.h5"), "%s", err.text);
	cr_assert_eq(ebb_run_open(&run, trial, &err), EBB_EINVAL);
	cr_assert_null(run.dir);

	/* a later version */
	file = H5Fopen(index, H5F_ACC_RDWR, H5P_DEFAULT);
	attr = H5Aopen(file, "schema_version", H5P_DEFAULT);
	H5Awrite(attr, H5T_NATIVE_INT64, &version);
	H5Aclose(attr);
	H5Fclose(file);
	cr_assert_eq(ebb_run_open(&run, folder, &err), EBB_EFORMAT);
	cr_assert(strstr(err.text, "version 99"), "%s", err.text);

	/* another schema */
	cr_assert_eq(rename(trial, index), 0);
	cr_assert_eq(ebb_run_open(&run, folder, &err), EBB_EFORMAT);
	cr_assert(strstr(err.text, "ebb-trial"), "%s", err.text);

	/* no HDF5 at all */
	OK(ebb_file_write(index, "hello", 5, &err));
	cr_assert_eq(ebb_run_open(&run, folder, &err), EBB_EFORMAT);
	cr_assert(strstr(err.text, "run.h5"), "%s", err.text);
	cr_assert(strstr(err.text, "damaged"), "%s", err.text);
	free(index);
	free(trial);
	free(nowhere);
	free(trials);
	free(f);
}

Test(index, a_locked_file_has_a_remedy)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct fake *f = write_run(1);
	char *index = in_folder("run.h5");
	int fd = open(index, O_RDWR);
	struct ebb_run run;

	unsetenv("HDF5_USE_FILE_LOCKING");
	cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	cr_assert_eq(ebb_run_open(&run, folder, &err), EBB_EBUSY);
	cr_assert(strstr(err.text, "HDF5_USE_FILE_LOCKING=FALSE"), "%s", err.text);
	close(fd);
	OK(ebb_run_open(&run, folder, &err));
	ebb_run_release(&run);
	free(index);
	free(f);
}

Test(index, a_folder_that_cannot_be_written)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct fake *f = fake_make();

	cr_assert_eq(ebb_index_write("/proc/self", &f->def, &catalog, &err), EBB_EIO);
	cr_assert(strstr(err.text, "/proc/self"), "%s", err.text);
	free(f);
}
