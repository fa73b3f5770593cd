/* SPDX-License-Identifier: Apache-2.0 */
/* import, apply and export: what goes over the socket, what is said, and the exit code. */
#include "ctl/ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base64.h"
#include "ctl/bulk.h"
#include "ctl/lines.h"
#include "tests/support/ctlbox.h"

static struct ctlbox box;

static int
setup(void **state)
{
	(void)state;
	unsetenv("CERTCTL_OUTPUT");
	ctlbox_init(&box);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ctlbox_done(&box);
	return 0;
}

static void
assert_ended(int code, const char *out, const char *err)
{
	ctlbox_end(&box);
	assert_string_equal(box.err, err);
	assert_string_equal(box.out, out);
	assert_int_equal(box.code, code);
}

/* ---- talks ---------------------------------------------------------------------------------- */

static const struct {
	const char *words;
	const char *in;
	const char *request;
	const char *reply;
	int code;
	const char *out;
	const char *err;
} talks[] = {
	{"import -f - --ca c --backend b --replace", "{\"chain_pem\":\"x\"}\n",
         "{\"verb\":\"import\",\"backend\":\"b\",\"ca\":\"c\",\"replace\":true,\"certs\":[{"
         "\"chain_pem\":\"x\"}]}",
         "{\"result\":{\"at\":0,\"name\":\"a.test\",\"ok\":true,\"change\":\"created\"}}\n"
         "{\"end\":{\"code\":0}}",
         0, "a.test: created\n", ""},
	{"import -f - --dry-run -o ndjson",
         "  {\"chain_pem\":\"x\"}  \r\n\n\n{\"chain_pem\":\"y\"}",
         "{\"verb\":\"import\",\"dry_run\":true,\"certs\":[{\"chain_pem\":\"x\"},{\"chain_pem\":"
         "\"y\"}]}",
         "{\"note\":{\"at\":0,\"name\":\"10.0.0.1\",\"code\":\"left-out\",\"detail\":\"an "
         "address\"}}\n"
         "{\"result\":{\"at\":0,\"name\":\"a.test\",\"ok\":true,\"change\":\"updated\"}}\n"
         "{\"result\":{\"at\":1,\"ok\":false,\"error\":{\"code\":\"cert/rejected\",\"detail\":"
         "\"no key\"}}}\n{\"end\":{\"code\":9}}",
         9,
         "{\"name\":\"a.test\",\"ok\":true,\"change\":\"updated\",\"source\":\"line 1\"}\n"
         "{\"ok\":false,\"error\":{\"code\":\"cert/rejected\",\"detail\":\"no key\"},\"source\":"
         "\"line 4\"}\n",
         "certctl: line 1: 10.0.0.1: an address: left out\ncertctl: line 4: no key "
         "(cert/rejected)\n"},
	{"apply -f -", "nonsense\n[]\n{\"name\":\"a.test\"}\n{\"name\":\"a\"} {}\n",
         "{\"verb\":\"apply\",\"items\":[{\"name\":\"a.test\"}]}",
         "{\"result\":{\"at\":0,\"name\":\"a.test\",\"ok\":true,\"change\":\"unchanged\"}}\n"
         "{\"end\":{\"code\":0}}",
         9, "a.test: unchanged\n",
         "certctl: line 1: this is no JSON object\ncertctl: line 2: this is no JSON object\n"
         "certctl: line 4: this is no JSON object\n"},
	{"apply -f - -o names", "{\"name\":\"a.test\"}\n{\"name\":\"b\"}",
         "{\"verb\":\"apply\",\"items\":[{\"name\":\"a.test\"},{\"name\":\"b\"}]}",
         "{\"result\":{\"at\":0,\"name\":\"a.test\",\"ok\":true,\"change\":\"created\"}}\n"
         "{\"result\":{\"at\":1,\"name\":\"b\",\"ok\":false,\"error\":{\"code\":\"invalid-name\","
         "\"detail\":\"no\\u001b\"}}}\n{\"end\":{\"code\":9}}",
         9, "a.test\n", "certctl: line 2: b: no\\x1b\n"},
	{"apply -f -", "{\"name\":\"a.test\"}\n",
         "{\"verb\":\"apply\",\"items\":[{\"name\":\"a.test\"}]}",
         "{\"end\":{\"code\":5,\"error\":{\"code\":\"not-permitted\",\"detail\":\"no\"}}}", 5, "",
         "certctl: no\n"},
	{"export a.test", NULL, "{\"verb\":\"export\",\"name\":\"a.test\"}",
         "{\"export\":{\"name\":\"a.test\",\"chain_pem\":\"CHAIN\\n\"}}\n{\"end\":{\"code\":0}}", 0,
         "CHAIN\n", ""},
	{"export a.test --private-key -o ndjson", NULL,
         "{\"verb\":\"export\",\"name\":\"a.test\",\"private_key\":true}",
         "{\"export\":{\"name\":\"a.test\",\"chain_pem\":\"C\",\"key_pem\":\"K\"}}\n{\"end\":{"
         "\"code\":0}}",
         0, "{\"schema\":\"certd/v1\",\"name\":\"a.test\",\"chain_pem\":\"C\",\"key_pem\":\"K\"}\n",
         ""},
	{"export a.test", NULL, "{\"verb\":\"export\",\"name\":\"a.test\"}",
         "{\"end\":{\"code\":3,\"error\":{\"code\":\"not-found\",\"detail\":\"none\"}}}", 3, "",
         "certctl: a.test: none\n"},
	{"add a.test --label k=v --label x=y=z", NULL,
         "{\"verb\":\"add\",\"labels\":{\"k\":\"v\",\"x\":\"y=z\"},\"names\":[\"a.test\"]}",
         "{\"end\":{\"code\":0}}", 0, "", ""},
	{"list --expires-in 7d --sort expiry --label k=v --error authz/dns", NULL,
         "{\"verb\":\"list\",\"limit\":1000,\"error\":\"authz/dns\",\"expires_in\":604800,"
         "\"sort\":\"expiry\",\"labels\":{\"k\":\"v\"}}",
         "{\"end\":{\"code\":0}}", 0, "", ""},
};

static void
test_talks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		ctlbox_start(&box, talks[i].words, talks[i].in);
		ctlbox_accept(&box);
		ctlbox_expect(&box, talks[i].request);
		ctlbox_reply(&box, talks[i].reply);
		assert_ended(talks[i].code, talks[i].out, talks[i].err);
	}
}

static const struct {
	const char *words;
	const char *err;
} usages[] = {
	{"import", "certctl: either PATH, with --from, or -f FILE; see certctl import --help\n"},
	{"import x -f -",
         "certctl: either PATH, with --from, or -f FILE; see certctl import --help\n"},
	{"import -f - --from pem",
         "certctl: either PATH, with --from, or -f FILE; see certctl import --help\n"},
	{"import x --from nginx",
         "certctl: --from: \"nginx\" is none of pem, certbot, acme.json, caddy\n"},
	{"import x y", "certctl: usage: certctl import [PATH]; see certctl import --help\n"},
	{"apply", "certctl: -f FILE is missing, or -f - for stdin; see certctl apply --help\n"},
	{"export", "certctl: usage: certctl export NAME; see certctl export --help\n"},
	{"add a.test --label k", "certctl: --label: \"k\" is not KEY=VALUE\n"},
	{"list --sort size", "certctl: --sort: \"size\" is none of name, expiry, next\n"},
	{"list --expires-in 7",
         "certctl: --expires-in: \"7\" is not a time: write 7d, 12h or 30m\n"},
	{"list --expires-in d",
         "certctl: --expires-in: \"d\" is not a time: write 7d, 12h or 30m\n"},
	{"list --dry-run", "certctl: \"list\" takes no --dry-run; see certctl list --help\n"},
};

static void
test_usage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		ctlbox_start(&box, usages[i].words, "");
		assert_ended(MSG_EXIT_USAGE, "", usages[i].err);
	}
}

/* ---- folders -------------------------------------------------------------------------------- */

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* Order of names; quoting; links and other things that are no files; the rest goes on. */
static void
test_pem_folder(void **state)
{
	char words[128], path[128], err[1024];
	char outside[64];

	(void)state;
	snprintf(outside, sizeof(outside), "%s/outside", box.dir);
	write_file(outside, "-----BEGIN X-----");
	snprintf(path, sizeof(path), "%s/in", box.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/in/b.pem", box.dir);
	write_file(path, "\"\\\xff\t-----BEGIN B");
	snprintf(path, sizeof(path), "%s/in/a.pem", box.dir);
	write_file(path, "-----BEGIN A-----\n");
	snprintf(path, sizeof(path), "%s/in/.hidden", box.dir);
	write_file(path, "-----BEGIN H-----\n");
	snprintf(path, sizeof(path), "%s/in/link", box.dir);
	assert_int_equal(symlink("../outside", path), 0);
	snprintf(path, sizeof(path), "%s/in/text", box.dir);
	write_file(path, "no\n");
	snprintf(words, sizeof(words), "import %s/in", box.dir);
	ctlbox_start(&box, words, NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"import\",\"certs\":[{\"chain_pem\":\"-----BEGIN "
	                    "A-----\\n\"},{\"chain_pem\":\"\\\"\\\\? -----BEGIN B\"}]}");
	ctlbox_reply(&box, "{\"result\":{\"at\":1,\"name\":\"b.test\",\"ok\":true,\"change\":"
	                   "\"created\"}}\n{\"end\":{\"code\":0}}");
	ctlbox_end(&box);
	snprintf(err, sizeof(err), "certctl: %s/in/link: a link", box.dir);
	assert_non_null(strstr(box.err, err));
	snprintf(err, sizeof(err), "certctl: %s/in/text: no PEM in it\n", box.dir);
	assert_non_null(strstr(box.err, err));
	assert_string_equal(box.out, "b.test: created\n");
	assert_int_equal(box.code, 9);
	snprintf(words, sizeof(words), "rm -r -- %s/in %s", box.dir, outside);
	assert_int_equal(system(words), 0);
}

/* ---- a certd that goes away ----------------------------------------------------------------- */

/* Amid its reply: what has an answer is not told again, what has none is asked again. */
static void
test_broken_reply(void **state)
{
	static const char request[] =
		"{\"verb\":\"apply\",\"items\":[{\"name\":\"a.test\"},{\"name\":\"b.test\"}]}";

	(void)state;
	ctlbox_start(&box, "apply -f -", "{\"name\":\"a.test\"}\n{\"name\":\"b.test\"}\n");
	ctlbox_accept(&box);
	ctlbox_expect(&box, request);
	ctlbox_reply(&box, "{\"result\":{\"at\":0,\"name\":\"a.test\",\"ok\":true,\"change\":"
	                   "\"created\"}}");
	ctlbox_hang_up(&box);
	ctlbox_accept(&box);
	ctlbox_expect(&box, request);
	ctlbox_reply(&box, "{\"result\":{\"at\":0,\"name\":\"a.test\",\"ok\":true,\"change\":"
	                   "\"unchanged\"}}\n"
	                   "{\"result\":{\"at\":1,\"name\":\"b.test\",\"ok\":true,\"change\":"
	                   "\"created\"}}\n{\"end\":{\"code\":0}}");
	assert_ended(0, "a.test: created\nb.test: created\n", "");
}

/* ---- lines ---------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *line;
	size_t number;
} lines_of[] = {
	{"a", "a", 1},         {"a\n", "a", 1}, {"\n\n  a b \t\r\nc", "a b", 3},
	{"\r\n{}\n", "{}", 2}, {"  ", NULL, 0}, {"", NULL, 0},
	{"\n\n\n", NULL, 0},
};

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines_of) / sizeof(lines_of[0]); i++) {
		struct lines lines;
		const char *line;
		size_t len;
		int fds[2];
		enum err err;

		assert_int_equal(pipe(fds), 0);
		lines_init(&lines, fds[0]);
		assert_int_equal(lines_next(&lines, 0, &line, &len), ERR_TIMEOUT);
		assert_int_equal(write(fds[1], lines_of[i].text, strlen(lines_of[i].text)),
		                 strlen(lines_of[i].text));
		close(fds[1]);
		err = lines_next(&lines, -1, &line, &len);
		if (lines_of[i].line) {
			assert_int_equal(err, ERR_OK);
			assert_int_equal(len, strlen(lines_of[i].line));
			assert_memory_equal(line, lines_of[i].line, len);
			assert_int_equal(lines.number, lines_of[i].number);
		} else {
			assert_int_equal(err, ERR_NOTFOUND);
		}
		lines_done(&lines);
		close(fds[0]);
	}
}

static const struct {
	const char *text;
	const char *bytes; /* NULL: refused */
} base64s[] = {
	{"", ""},
	{"Zg==", "f"},
	{"Zm8=", "fo"},
	{"Zm9v", "foo"},
	{"Zm9v\r\nYg==\n", "foob"},
	{" Z m 9 v ", "foo"},
	{"+/+/", "\xfb\xff\xbf"},
	{"Z", NULL},
	{"Zg", NULL},
	{"Zg=", NULL},
	{"Zg===", NULL},
	{"Zm8", NULL},
	{"Zh==", NULL},
	{"Zm9=", NULL},
	{"Zg==Zg==", NULL},
	{"=", NULL},
	{"====", NULL},
	{"Zm-_", NULL},
	{"Zm9v!", NULL},
};

static void
test_base64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(base64s) / sizeof(base64s[0]); i++) {
		struct buf out = {0};
		enum err err = base64_decode(base64s[i].text, strlen(base64s[i].text), &out);

		if (!base64s[i].bytes) {
			assert_int_equal(err, ERR_INVALID);
		} else {
			assert_int_equal(err, ERR_OK);
			assert_int_equal(out.len, strlen(base64s[i].bytes));
			if (out.len)
				assert_memory_equal(out.data, base64s[i].bytes, out.len);
		}
		buf_done(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_talks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_usage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pem_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_reply, setup, teardown),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
