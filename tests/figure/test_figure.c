/* Drawing: files, self-contained scripts, errors of gnuplot and of the world. */
#include "made_run.h"

#include <dirent.h>
#include <sys/stat.h>
#include "figure/bands.h"
#include "figure/figure.h"
#include "figure/gnuplot.h"
#include "figure/kind.h"

TestSuite(figure, .init = made_folder_make, .fini = made_folder_remove, .timeout = 120);

#define OK(call) cr_assert_eq((call), 0, "%s: %s", #call, err.text)

static void need_gnuplot(void)
{
	if (system("gnuplot --version >/dev/null 2>&1") != 0)
		cr_skip_test("gnuplot is not installed");
}

static char *read_text(const char *path, size_t *n)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *text;

	OK(ebb_file_read(path, 64 << 20, &text, n, &err));
	return text;
}

/* Does the script's caption say this, wherever its lines are broken? */
static bool says(const char *gp, const char *words)
{
	char *text = ebb_xstrdup(gp), *to = text;
	bool found;

	for (const char *from = gp; *from != '\0';) {
		bool broken = strncmp(from, "', '", 4) == 0;

		*to++ = broken ? ' ' : *from;
		from += broken ? 4 : 1;
	}
	*to = '\0';
	found = strstr(text, words) != NULL;
	free(text);
	return found;
}

static int count_files(const char *dir)
{
	struct dirent *e;
	DIR *d = opendir(dir);
	int n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return n;
}

/* All five are there, look like what they are, and the script draws the same bytes. */
static void check_files(char *path[EBB_N_FILES])
{
	static const char *const magic[EBB_TEX] = {"\x89PNG", "<?xml", "%PDF", "# ", ""};
	static const size_t least[EBB_TEX] = {8000, 4000, 2000, 2000, 200};
	char *before, *after, *text, *command;
	size_t n, n_before, n_after;

	for (int f = 0; f < EBB_TEX; f++) {
		cr_assert(path[f] != NULL);
		text = read_text(path[f], &n);
		cr_assert(n > least[f], "%s has %zu bytes", path[f], n);
		cr_assert_eq(memcmp(text, magic[f], strlen(magic[f])), 0, "%s", path[f]);
		free(text);
	}
	before = read_text(path[EBB_PNG], &n_before);
	cr_assert_eq(remove(path[EBB_PNG]), 0);
	command = ebb_xprintf("cd %s/figures && gnuplot -d %s 2>&1", made_folder,
			      strrchr(path[EBB_GP], '/') + 1);
	cr_assert_eq(system(command), 0);
	after = read_text(path[EBB_PNG], &n_after);
	cr_assert(n_before == n_after && memcmp(before, after, n_before) == 0,
		  "%s does not draw the same picture", path[EBB_GP]);
	free(command);
	free(before);
	free(after);
	for (int f = 0; f < EBB_N_FILES; f++)
		free(path[f]);
}

static char *figures_dir(void)
{
	return ebb_path_join(made_folder, "figures");
}

/* Draw n_arms made-up arms in one or two panels. */
static int draw(const char *const *label, int n_arms, int n_seeds, int n_panels, const char *dir,
		char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_series s[2][MADE_MOST];
	struct ebb_bands b = {.sheet = {.name = "made",
					.title = "Made-up entropy's fall",
					.run = "test",
					.dir = dir},
			      .n_arms = n_arms,
			      .n_panels = n_panels};
	int rc;

	for (int p = 0; p < n_panels; p++) {
		for (int a = 0; a < n_arms; a++)
			cr_assert_eq(made_series(&s[p][a], label[a], a, n_seeds, 40, 1, 1,
						 p ? MADE_CLIP_HIGH : MADE_ENTROPY, err),
				     0, "%s", err->text);
		b.panel[p] =
			(struct ebb_panel){p ? "b/two" : "a/one", "value (nats)", 0, NAN, s[p]};
	}
	rc = ebb_bands_draw(&b, path, err);
	for (int p = 0; p < n_panels; p++)
		for (int a = 0; a < n_arms; a++)
			ebb_series_release(&s[p][a]);
	return rc;
}

static const char *const names[MADE_MOST] = {
	"grpo", "dapo", "gspo", "gipo", "gipo_exp", "clip_cov", "kl_cov", "em", "i", "j",
	"k",    "l",    "m",    "n",    "o",        "p",        "q",      "r",  "s", "t"};

Test(figure, one_frame_and_its_points)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *dir = figures_dir(), *csv, *gp;
	size_t n;

	need_gnuplot();
	OK(draw(names, 4, 3, 1, dir, path, &err));
	csv = read_text(path[EBB_CSV], &n);
	cr_assert(strstr(csv, "metric,arm,kind,seed,axis,x,value,low,high,n\n") == csv);
	cr_assert(strstr(csv, "a/one,grpo,mean,,step,0,") &&
		  strstr(csv, "a/one,gipo,seed,102,step,39,"));
	n = 0;
	for (char *c = csv; (c = strchr(c, '\n')) != NULL; c++)
		n++;
	cr_assert_eq(n, 1 + 4 * (40 + 3 * 40));
	gp = read_text(path[EBB_GP], &n);
	cr_assert(says(gp, "95 % t interval over N = 3 seeds"), "the caption states band and N");
	cr_assert(strstr(gp, "set output 'made.png'"));
	check_files(path);
	cr_assert_eq(count_files(dir), 5, "nothing temporary is left");
	free(csv);
	free(gp);
	free(dir);
}

Test(figure, many_arms_two_panels_one_seed)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *dir = figures_dir(), *gp;
	size_t n;

	need_gnuplot();
	OK(draw(names, 12, 2, 2, dir, path, &err));
	check_files(path);
	OK(draw(names, 8, 2, 2, dir, path, &err));
	check_files(path);
	OK(draw(names, 2, 1, 1, dir, path, &err));
	gp = read_text(path[EBB_GP], &n);
	cr_assert(strstr(gp, "1 seed, no band"));
	free(gp);
	check_files(path);
	free(dir);
}

/* gnuplot would paint beyond the sides of the frame. */
Test(figure, bands_are_cut_at_the_frame)
{
	const double x[] = {0, 1, 2, 3}, low[] = {0, -4, NAN, 2}, high[] = {0, 2, NAN, 3};
	const double want[][3] = {{0, 0, 0}, {0.25, -1, 0.5}, {0.5, -1, 1}, {1, -1, 1}};
	struct ebb_sheet sheet = {.name = "x", .title = "t", .run = "r", .dir = "d"};
	struct ebb_drawing d = {0};
	double got[3];
	char *row;

	ebb_drawing_init(&d, &sheet, "bands", 100, 100, "x");
	ebb_band_put(&d, "band", x, low, high, 4, -1, 1);
	row = strstr(d.data.data, "$band << EOD\n");
	cr_assert_not_null(row);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		row = strchr(row, '\n') + 1;
		cr_assert_eq(sscanf(row, "%lf %lf %lf", &got[0], &got[1], &got[2]), 3, "%s", row);
		for (int k = 0; k < 3; k++)
			cr_assert_float_eq(got[k], want[i][k], 1e-12, "row %zu: %s", i, row);
	}
	row = strchr(row, '\n') + 1; /* a gap, then both above */
	cr_assert(sscanf(row, "%lf %lf", &got[0], &got[1]) == 2 && isnan(got[1]), "%s", row);
	row = strchr(row, '\n') + 1;
	cr_assert_eq(sscanf(row, "%lf %lf %lf", &got[0], &got[1], &got[2]), 3);
	cr_assert(got[0] == 3 && got[1] == 1 && got[2] == 1, "%s", row);
	cr_assert(strncmp(strchr(row, '\n') + 1, "EOD", 3) == 0);
	ebb_drawing_release(&d);
}

/* Two seeds have an interval twelve times as wide as they are apart: it is in the CSV, not drawn. */
Test(figure, two_seeds_are_lines)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *dir = figures_dir(), *gp, *row;
	double x, mean, low, high;
	size_t n;

	need_gnuplot();
	OK(draw(names, 2, 2, 1, dir, path, &err));
	gp = read_text(path[EBB_GP], &n);
	cr_assert(strstr(gp, "2 seeds, each thin line a seed"));
	cr_assert(strstr(gp, "no band below 3"));
	row = strstr(gp, "$mean1_1 << EOD\n");
	cr_assert_not_null(row);
	cr_assert_eq(sscanf(strchr(row, '\n'), "%lf %lf %lf %lf", &x, &mean, &low, &high), 4);
	cr_assert(low == mean && high == mean);
	free(gp);
	check_files(path);
	OK(draw(names, 2, 3, 1, dir, path, &err));
	gp = read_text(path[EBB_GP], &n);
	row = strstr(gp, "$mean1_1 << EOD\n");
	cr_assert_eq(sscanf(strchr(row, '\n'), "%lf %lf %lf %lf", &x, &mean, &low, &high), 4);
	cr_assert(low < mean && mean < high);
	free(gp);
	check_files(path);
	free(dir);
}

Test(figure, titles_are_broken_at_spaces)
{
	static const char *const text[] = {"grpo alpha=0.001 eps_high=0.28", "it's one",
					   "abcdefghijklmnopqrstuvwxyz",
					   "a b c d e f g h i j k l m n o p q"};
	const struct ebb_sheet sheet = {.name = "made", .title = "t", .run = "r", .dir = "."};
	struct ebb_drawing d;

	ebb_drawing_init(&d, &sheet, "frames", 100, 100, "x");
	cr_assert_eq(ebb_drawing_titles(&d, "LABEL", text, 1, 40), 1);
	cr_assert(strstr(d.data.data, "array LABEL[1] = ['grpo alpha=0.001 eps_high=0.28']\n"));
	ebb_drawing_release(&d);
	ebb_drawing_init(&d, &sheet, "frames", 100, 100, "x");
	cr_assert_eq(ebb_drawing_titles(&d, "LABEL", text, 4, 11), 3);
	cr_assert(strstr(d.data.data, "['grpo'.\"\\n\".'alpha=0.001'.\"\\n\".'eps_high=0.…', "
				      "\"\\n\".\"\\n\".'it''s one', "
				      "'abcdefghijk'.\"\\n\".'lmnopqrstuv'.\"\\n\".'wxyz', "
				      "'a b c d e f'.\"\\n\".'g h i j k l'.\"\\n\".'m n o p q']\n"),
		  "%s", d.data.data);
	cr_assert(strstr(d.data.data, "TITLE_LINES = 3\n"));
	ebb_drawing_release(&d);
}

/* More arms than small frames hold: only where a number tells them apart. */
Test(figure, a_fan_of_arms)
{
	enum { ARMS = 40 };
	static struct ebb_series s[ARMS];
	static double value[ARMS];
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *dir = figures_dir(), *gp, *csv;
	struct ebb_bands b = {.sheet = {.name = "made", .title = "Many", .run = "test", .dir = dir},
			      .n_arms = ARMS,
			      .n_panels = 1,
			      .panel = {{"a/one", "value (nats)", 0, NAN, s}}};
	size_t n;

	need_gnuplot();
	for (int a = 0; a < ARMS; a++) {
		OK(made_series(&s[a], "arm", a, 2, 20, 1, 1, MADE_ENTROPY, &err));
		value[a] = a == 0 ? 0 : 100.0 - a; /* not in order */
	}
	cr_assert_eq(ebb_bands_draw(&b, path, &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "--arm"), "%s", err.text);
	b.key = "alpha";
	b.value = value;
	OK(ebb_bands_draw(&b, path, &err));
	gp = read_text(path[EBB_GP], &n);
	cr_assert(says(gp,
		       "40 arms; each line the mean of one arm over its seeds, coloured by alpha"));
	cr_assert(strstr(gp, "array TICK[7] = ['0', '66', "), "ranks follow the values");
	cr_assert(strstr(gp, ", '99']\n"));
	csv = read_text(path[EBB_CSV], &n);
	n = 0;
	for (char *c = csv; (c = strchr(c, '\n')) != NULL; c++)
		n++;
	cr_assert_eq(n, 1 + ARMS * 20, "means alone");
	free(gp);
	free(csv);
	check_files(path);
	for (int a = 0; a < ARMS; a++)
		ebb_series_release(&s[a]);
	free(dir);
}

/* No room for all: the first, the last and some between, and the figure says how many are missing. */
Test(figure, arms_without_room_are_left_out)
{
	struct made_plan p = MADE_PLAN(names, 19, 1, 12);
	struct ebb_figure_choice choice = {0};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	char *path[EBB_N_FILES], *csv, *gp;
	bool available;
	size_t n;

	need_gnuplot();
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	OK(ebb_figure_check(&run, "entropy-by-position", &choice, &available, &err));
	cr_assert(available);
	cr_assert_eq(ebb_figure_left_out(&run, "entropy", &choice), 0);
	cr_assert_eq(ebb_figure_left_out(&run, "entropy-by-position", &choice), 3);
	OK(ebb_figure_draw(&run, "entropy-by-position", &choice, path, &err));
	gp = read_text(path[EBB_GP], &n);
	cr_assert(says(gp, "3 arms left out"));
	csv = read_text(path[EBB_CSV], &n);
	cr_assert(strstr(csv, "grpo,") && strstr(csv, "s,"), "the first and the last");
	free(csv);
	free(gp);
	check_files(path);
	choice.arm = (int[]){4, 2};
	choice.n_arms = 2;
	cr_assert_eq(ebb_figure_left_out(&run, "entropy-by-position", &choice), 0);
	ebb_run_release(&run);
}

Test(figure, labels_are_only_text)
{
	static const char *const evil[] = {
		"it's `touch /tmp/x` @y", "a_b^c {/Bold d} \\", "\"%s\"\n$z",
		"熵 entropy.coef=0.001 with a label far too long for any key"};
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *dir = figures_dir(), *csv;
	size_t n;

	need_gnuplot();
	OK(draw(evil, 4, 2, 1, dir, path, &err));
	csv = read_text(path[EBB_CSV], &n);
	cr_assert(strstr(csv, "\"\"\"%s\"\"\n$z\""), "quoted after RFC 4180");
	free(csv);
	check_files(path);
	free(dir);
}

Test(figure, nothing_to_draw)
{
	struct ebb_err err = EBB_ERR_INIT;
	double x[] = {0, 1}, y[] = {NAN, NAN};
	struct ebb_curve c = {100, 2, x, y};
	struct ebb_series s;
	char *path[EBB_N_FILES], *dir = figures_dir();
	struct ebb_bands b = {.sheet = {.name = "made", .title = "t", .run = "r", .dir = dir},
			      .n_arms = 1,
			      .n_panels = 1};

	OK(ebb_series_make(&s, "a", &c, 1, false, 0, &err));
	b.panel[0] = (struct ebb_panel){"m", "m", NAN, NAN, &s};
	cr_assert_eq(ebb_bands_draw(&b, path, &err), EBB_ENOENT);
	cr_assert(path[0] == NULL && !ebb_file_exists(dir));
	ebb_series_release(&s);
	free(dir);
}

Test(figure, a_broken_template_is_reported_with_its_line)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *dir = figures_dir(),
				 *template = ebb_path_join(made_folder, "bands.gp");
	static const char text[] = "# one\nset title TITLE\nplot no_such_thing\n";

	need_gnuplot();
	OK(ebb_file_write(template, text, sizeof text - 1, &err));
	setenv("EBB_PLOTS", made_folder, 1); /* style.gp is still found in the sources */
	cr_assert_eq(draw(names, 2, 2, 1, dir, path, &err), EBB_ETOOL);
	cr_assert(strstr(err.text, "bands.gp:3: gnuplot:") &&
			  strstr(err.text, "undefined variable: no_such_thing"),
		  "%s", err.text);
	cr_assert(path[0] == NULL);
	cr_assert_eq(count_files(dir), 0, "nothing half-written is left");
	unsetenv("EBB_PLOTS");
	OK(draw(names, 2, 2, 1, dir, path, &err));
	check_files(path);
	free(template);
	free(dir);
}

Test(figure, no_gnuplot)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *dir = figures_dir();

	setenv("PATH", "/nonexistent", 1);
	cr_assert_eq(draw(names, 2, 2, 1, dir, path, &err), EBB_ETOOL);
	cr_assert(strstr(err.text, "gnuplot-nox"), "%s", err.text);
	cr_assert_eq(count_files(dir), 0);
	free(dir);
}

Test(figure, a_folder_that_cannot_be_written)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *file = ebb_path_join(made_folder, "file"), *dir;

	OK(ebb_file_write(file, "x", 1, &err));
	dir = ebb_path_join(file, "figures");
	cr_assert_lt(draw(names, 2, 2, 1, dir, path, &err), 0);
	cr_assert(strstr(err.text, "file"), "%s", err.text);
	cr_assert(path[0] == NULL);
	cr_assert_lt(draw(names, 2, 2, 1, "/proc/ebb", path, &err), 0);
	cr_assert_eq(draw(names, 2, 2, 1, "/tmp/a\nb", path, &err), EBB_EINVAL);
	free(dir);
	free(file);
}

/* A folder in the way of a picture: gnuplot would write the PNG into our reply pipe. */
Test(figure, an_output_path_that_cannot_be_opened)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *dir = figures_dir(), *block = ebb_path_join(dir, "made.svg.new");

	OK(ebb_dir_make(block, &err));
	cr_assert_eq(draw(names, 2, 2, 1, dir, path, &err), EBB_EIO);
	cr_assert(strstr(err.text, "made.svg.new"), "%s", err.text);
	free(block);
	free(dir);
}

Test(figure, conversation)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_gnuplot *g;
	struct ebb_buf big = EBB_BUF_INIT;

	need_gnuplot();
	OK(ebb_gnuplot_open(&g, &err));
	OK(ebb_gnuplot_send(g, "a = 1\n", 6, 10000, &err));
	cr_assert_eq(ebb_gnuplot_send(g, "b = 2\n\nc = b +* 1\n", 18, 10000, &err), EBB_ETOOL);
	cr_assert(strstr(err.text, "gnuplot: invalid expression"), "%s", err.text);
	/* It goes on after an error, and warnings are none. */
	OK(ebb_gnuplot_send(g, "d = a + 1\n", 10, 10000, &err));
	OK(ebb_gnuplot_send(g, "print 'warning: all is well'\n", 29, 10000, &err));
	/* More than both pipes hold, each way. */
	for (int i = 0; i < 30000; i++)
		ebb_buf_puts(&big, "print 'as much comes back as goes out'\n");
	OK(ebb_gnuplot_send(g, big.data, big.len, 60000, &err));
	ebb_buf_release(&big);
	cr_assert_eq(ebb_gnuplot_send(g, "pause 30\n", 9, 300, &err), EBB_ETOOL);
	cr_assert(strstr(err.text, "in time"), "%s", err.text);
	ebb_gnuplot_abandon(g);

	OK(ebb_gnuplot_open(&g, &err));
	cr_assert_eq(ebb_gnuplot_send(g, "exit\n", 5, 10000, &err), EBB_ETOOL);
	cr_assert(strstr(err.text, "unexpectedly"), "%s", err.text);
	ebb_gnuplot_abandon(g);

	OK(ebb_gnuplot_open(&g, &err));
	cr_assert_eq(ebb_gnuplot_send(g, "oops\n", 5, 10000, &err), EBB_ETOOL);
	cr_assert_eq(ebb_gnuplot_close(g, &err), EBB_ETOOL,
		     "its exit status tells of the error, too");
}

Test(figure, templates_are_found)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *text, *path;

	OK(ebb_template_read("bands", &text, &path, &err));
	cr_assert(strstr(path, "plots/bands.gp"));
	free(text);
	free(path);
	cr_assert_eq(ebb_template_read("no-such", &text, &path, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "no-such.gp") && strstr(err.text, "EBB_PLOTS"), "%s", err.text);
	cr_assert(text == NULL && path == NULL);
}

Test(figure, every_figure_of_a_run)
{
	struct made_plan p = MADE_PLAN(names, 3, 3, 40);
	struct ebb_figure_choice choice = {0};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	char *path[EBB_N_FILES], *gp;
	bool available;
	size_t n;

	need_gnuplot();
	p.diverged_arm = 1, p.diverged_seed = 2;
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	for (int i = 0; ebb_figure_row(i) != NULL; i++) {
		if (strstr(ebb_figure_row(i)->name, "-response") != NULL)
			continue; /* these arms are no grid */
		OK(ebb_figure_check(&run, ebb_figure_row(i)->name, &choice, &available, &err));
		cr_assert(available, "%s", ebb_figure_row(i)->name);
		OK(ebb_figure_draw(&run, ebb_figure_row(i)->name, &choice, path, &err));
		gp = read_text(path[EBB_GP], &n);
		cr_assert(strstr(gp, ebb_figure_row(i)->title), "%s", path[EBB_GP]);
		cr_assert(says(gp, "1 trial that ended early") || says(gp, "1 diverged trial"),
			  "%s hides the diverged trial", path[EBB_GP]);
		cr_assert(strstr(gp, "made-up: "), "%s does not name the run", path[EBB_GP]);
		free(gp);
		check_files(path);
	}
	OK(ebb_figure_draw(&run, "shortcut_frac", &choice, path, &err)); /* a task's own curve */
	cr_assert(strstr(path[0], "figures/task-shortcut_frac.png"), "%s", path[0]);
	check_files(path);
	choice.scale = EBB_SCALE_TOKENS;
	OK(ebb_figure_draw(&run, "reward", &choice, path, &err));
	cr_assert(strstr(path[0], "figures/reward-by-tokens.png"), "%s", path[0]);
	gp = read_text(path[EBB_GP], &n);
	cr_assert(strstr(gp, "interpolated"));
	free(gp);
	check_files(path);
	cr_assert_eq(ebb_figure_check(&run, "reward-vs-entropy", &choice, &available, &err),
		     EBB_EINVAL);
	cr_assert_eq(ebb_figure_check(&run, "acuracy", &choice, &available, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "'accuracy'"), "%s", err.text);
	OK(ebb_figure_check(&run, "kl_ref", &choice, &available, &err));
	cr_assert_not(available);
	ebb_run_release(&run);
}
