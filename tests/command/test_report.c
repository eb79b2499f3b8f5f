/* ebb report, from outside. What the page does in a browser is for tests/report/browser.py. */
#include "outside.h"
#include "record/record.h"
#include "record/scope.h"

TestSuite(report, .init = make_dir, .fini = remove_dir, .timeout = 240);

#define SMALL                                                                                      \
	"name: small\nabout: \"<script>alert(1)</script> & others\"\n"                             \
	"task: {name: chain}\nsweep: {algorithm: [grpo, dapo]}\nseeds: [8, 9]\n"                   \
	"figures: [entropy, accuracy]\nclaims:\n"                                                  \
	"  - final(entropy, algorithm=dapo) < final(entropy, algorithm=grpo)\n"                    \
	"  - final(accuracy, algorithm=grpo) > 0.99\n"

static struct ebb_buf page;

static void make_run(void)
{
	put("small.yaml", SMALL);
	cr_assert_eq(ebb("run small.yaml " TINY "eval.cadence=1 --out r"), 0, "%s", output.data);
}

static void read_page(const char *name)
{
	char *path = ebb_path_join(dir, name), *data;
	struct ebb_err err;
	size_t n;

	cr_assert_eq(ebb_file_read(path, 1u << 26, &data, &n, &err), 0, "%s", err.text);
	ebb_buf_reset(&page);
	ebb_buf_add(&page, data, n);
	free(data);
	free(path);
}

static void page_has(const char *text)
{
	cr_assert(strstr(page.data, text), "the page does not have '%s'", text);
}

static void page_has_not(const char *text)
{
	cr_assert(!strstr(page.data, text), "the page has '%s'", text);
}

static int times(const char *text)
{
	int n = 0;

	for (const char *s = page.data; (s = strstr(s, text)) != NULL; s += strlen(text))
		n++;
	return n;
}

Test(report, usage)
{
	static const struct {
		const char *arguments, *want;
	} bad[] = {
		{"report", "name the run directory"},
		{"report nowhere", "no run directory 'nowhere'"},
		{"report a b", "'b' is too much"},
		{"report . --pdf", "unknown option '--pdf'"},
		{"report . --out", "'--out' needs a value"},
		{"report . --title", "'--title' needs a value"},
		{"report .", "holds no run"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cr_assert_eq(ebb(bad[i].arguments), 2, "%s\n%s", bad[i].arguments, output.data);
		says(bad[i].want);
	}
	cr_assert_eq(ebb("report --help"), 0);
	says("usage: ebb report RUN");
	says("exit status");
	no_line_wider_than(100);
}

/* One arm has no differences and no map: that is no news where the definition lists no figures. */
Test(report, one_arm_one_seed_no_claims_no_figures)
{
	cr_assert_eq(ebb("run algorithm=grpo seeds=1 " TINY "--out r"), 0, "%s", output.data);
	cr_assert_eq(ebb("report r"), 0, "%s", output.data);
	cr_assert(!strstr(output.data, "note:"), "%s", output.data);
	read_page("r/report.html");
	page_has("makes no claims");
	page_has("There is one arm");
	page_has("<code>ebb plot RUN entropy</code>");
	page_has_not("<code>ebb plot RUN entropy-difference</code>");
}

Test(report, a_page_of_everything)
{
	make_run();
	cr_assert_eq(ebb("report r"), 0, "%s", output.data);
	says("r/report.html\n");
	read_page("r/report.html");
	/* in this order */
	static const char *const part[] = {
		"<h1>small</h1>",          "2 claims",       "id=\"verdicts\"", "id=\"claim-2\"",
		"id=\"options\"",          "id=\"figures\"", "id=\"figure-2\"", "id=\"finals\"",
		"eval/accuracy",           "actor/entropy",  "id=\"trials\"",   "id=\"again\"",
		"ebb run experiment.yaml", "--out again",    "The definition",  "</html>"};
	const char *at = page.data;

	for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
		at = strstr(at, part[i]);
		cr_assert_not_null(at, "'%s' is not there, or too early", part[i]);
	}
	page_has("final(entropy, algorithm=dapo) &lt; final(entropy, algorithm=grpo)");
	page_has("<code>plus_minus_one</code>"); /* what dapo sets, and grpo does not */
	page_has("clip.high");
	page_has("model.width = 16</code> <small>not "); /* what all have */
	page_has("fewer than 8");
	cr_assert_eq(times("role=\"img\""), 2);
	cr_assert_eq(times("<td class=\"id\">"), 4);
	/* nothing of the text became markup, nothing is loaded from elsewhere */
	page_has("&lt;script&gt;alert(1)&lt;/script&gt; &amp; others");
	page_has_not("<script>alert");
	cr_assert_eq(times("<script"), 1);
	page_has_not("src=");
	page_has_not("@import");
	page_has_not("<link rel=\"stylesheet\"");
	cr_assert_eq(times("http"), times("http://www.w3.org/2000/svg") + times("http-equiv"));
	cr_assert(!there("r/figures"), "figures are drawn elsewhere");
}

Test(report, out_and_title)
{
	make_run();
	cr_assert_eq(ebb("report r --out 'my page.html' --title 'a <b> & c'"), 0, "%s",
		     output.data);
	cr_assert(!there("r/report.html"));
	read_page("my page.html");
	page_has("<title>a &lt;b&gt; &amp; c</title>");
	page_has("<h1>a &lt;b&gt; &amp; c</h1>");
	/* where nothing can be written, nothing is left */
	cr_assert_eq(ebb("report r --out no/such/page.html"), 2);
	says("no/such");
	cr_assert(!there("no"));
}

Test(report, the_same_bytes_again)
{
	make_run();
	cr_assert_eq(ebb("report r --out a.html"), 0, "%s", output.data);
	cr_assert_eq(shell("mkdir t && TMPDIR=$PWD/t TZ=Asia/Tokyo $E report ./r/ --out b.html && "
			   "rmdir t && cmp a.html b.html"),
		     0, "%s", output.data);
}

Test(report, without_gnuplot_nothing_is_written)
{
	make_run();
	put("r/report.html", "the old page");
	cr_assert_eq(shell("mkdir t && TMPDIR=$PWD/t PATH=/nowhere $E report r 2>&1"), 2);
	says("gnuplot");
	read_page("r/report.html");
	cr_assert_str_eq(page.data, "the old page");
	cr_assert_eq(shell("rmdir t && ls r"), 0, "something is left: %s", output.data);
	does_not_say("tmp");
}

/* Put another text into a file of the run. */
static void forge(const char *name, const char *object, const char *attribute, bool list,
		  const char *text)
{
	hsize_t one = 1;
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *path = ebb_path_join(dir, name);
	hid_t file, group, type, space, a;

	ebb_record_setup();
	file = ebb_h5_keep(&h5, H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT));
	group = ebb_h5_keep(&h5, H5Gopen2(file, object, H5P_DEFAULT));
	type = ebb_h5_keep(&h5, H5Tcopy(H5T_C_S1));
	H5Tset_size(type, H5T_VARIABLE);
	H5Tset_cset(type, H5T_CSET_UTF8);
	space = ebb_h5_keep(&h5, list ? H5Screate_simple(1, &one, NULL) : H5Screate(H5S_SCALAR));
	cr_assert(H5Adelete(group, attribute) >= 0);
	a = ebb_h5_keep(&h5, H5Acreate2(group, attribute, type, space, H5P_DEFAULT, H5P_DEFAULT));
	cr_assert(H5Awrite(a, type, &text) >= 0);
	ebb_h5scope_close(&h5);
	free(path);
}

/* Labels come from files that anyone may have written. */
Test(report, a_forged_label)
{
	make_run();
	forge("r/run.h5", "/arms/000 grpo", "label", false,
	      "</td></svg><script>alert(2)</script>\"'");
	cr_assert_eq(ebb("report r"), 0, "%s", output.data);
	read_page("r/report.html");
	cr_assert_eq(times("<script"), 1);
	page_has_not("<script>alert");
	page_has("&lt;/td&gt;&lt;/svg&gt;&lt;script&gt;alert(2)");
	/* quotes come out of gnuplot's text, for those who hear the caption, as they went in */
	forge("r/run.h5", "/", "name", false, "'a''b' it's \"c\"");
	cr_assert_eq(ebb("report r"), 0, "%s", output.data);
	read_page("r/report.html");
	page_has(". &#39;a&#39;&#39;b&#39; it&#39;s &quot;c&quot;: ");
	/* also where gnuplot wrote it */
	page_has("<text>&lt;/td&gt;&lt;/svg&gt;&lt;script&gt;");
}

Test(report, trials_of_several_machines)
{
	char *name;

	make_run();
	cr_assert_eq(shell("ls r/trials | head -2 | tail -1 | tr -d '\\n'"), 0);
	name = ebb_xprintf("r/trials/%s", output.data);
	cr_assert_eq(ebb("report r"), 0, "%s", output.data);
	read_page("r/report.html");
	page_has_not("Not all trials were made by the same");
	forge(name, "/provenance", "cpu", false, "PDP-11");
	cr_assert_eq(ebb("report r"), 0, "%s", output.data);
	read_page("r/report.html");
	page_has("Not all trials were made by the same");
	page_has("<code>cpu</code>: ");
	page_has("1 trial <code>PDP-11</code>");
	page_has("3 trials <code>");
	free(name);
}

/* Claims of an older program may be no claims today; the rest of the page is as good as ever. */
Test(report, a_claim_that_is_none)
{
	make_run();
	forge("r/run.h5", "/", "claims", true, "final(entropy");
	cr_assert_eq(ebb("report r"), 0, "%s", output.data);
	read_page("r/report.html");
	page_has("The claims could not be judged");
	page_has("final(entropy");
	page_has_not("id=\"claim-1\"");
	page_has("id=\"figure-2\"");
}

Test(report, a_run_that_is_not_finished)
{
	make_run();
	cr_assert_eq(
		shell("id=$(ls r/trials | head -1) && rm r/trials/$id r/checkpoints/${id%.h5}*"),
		0);
	cr_assert_eq(ebb("report r --out one.html"), 0, "%s", output.data);
	read_page("one.html");
	page_has("3 done");
	page_has("1 queued");
	page_has("Without a final value: 0 diverged, 1 not finished");
	cr_assert_eq(shell("rm r/trials/* r/checkpoints/*"), 0);
	cr_assert_eq(ebb("report r --out none.html"), 0, "%s", output.data);
	read_page("none.html");
	page_has("4 queued");
	page_has("No finished trial has data for a figure yet");
	page_has("No finished trial has recorded accuracy or entropy");
}

Test(report, a_packed_run_gives_the_same_figures)
{
	make_run();
	cr_assert_eq(ebb("pack r --out p"), 0, "%s", output.data);
	cr_assert_eq(ebb("report r --out r.html"), 0, "%s", output.data);
	cr_assert_eq(ebb("report p --out p.html"), 0, "%s", output.data);
	cr_assert_eq(
		shell("for f in r p; do sed -n '/<section id=.figures/,/<section id=.trials/p' "
		      "$f.html > $f.part; done; cmp r.part p.part"),
		0, "%s", output.data);
	read_page("p.html");
	page_has("4 done");
}

Test(report, a_definition_of_several_files)
{
	put("small.yaml", SMALL);
	put("more.yaml", "train: {steps: 2}\n");
	cr_assert_eq(ebb("run small.yaml more.yaml " TINY "seeds=[5,7] --out r"), 0, "%s",
		     output.data);
	cr_assert_eq(ebb("report r"), 0, "%s", output.data);
	read_page("r/report.html");
	page_has("ebb run small.yaml more.yaml ");
	page_has("&#39;seeds=[5,7]&#39;");
}
