/* SPDX-License-Identifier: Apache-2.0 */
/* certctl as a whole: words in, requests on the socket, text and exit code out. */
#include "ctl/ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

/* ---- words ---------------------------------------------------------------------------------- */

/* One request and its reply: lines of the reply are separated by newlines. */
static const struct {
	const char *words;
	const char *request;
	const char *reply;
	int code;
	const char *out;
	const char *err;
} talks[] = {
	{"add a.example", "{\"verb\":\"add\",\"names\":[\"a.example\"]}",
         "{\"result\":{\"name\":\"a.example\",\"ok\":true}}\n{\"end\":{\"code\":0}}", 0,
         "a.example: added\n", ""},
	{"--backend=app1 add A.Example b.example --ca local",
         "{\"verb\":\"add\",\"backend\":\"app1\",\"ca\":\"local\",\"names\":[\"A.Example\","
         "\"b.example\"]}",
         "{\"result\":{\"name\":\"a.example\",\"ok\":true}}\n"
         "{\"result\":{\"name\":\"b.example\",\"ok\":false,\"error\":{\"code\":\"conflict\","
         "\"detail\":\"this name is here already\"}}}\n{\"end\":{\"code\":9}}",
         9, "a.example: added\n", "certctl: b.example: this name is here already\n"},
	{"add -- -x", "{\"verb\":\"add\",\"names\":[\"-x\"]}",
         "{\"result\":{\"name\":\"-x\",\"ok\":false,\"error\":{\"code\":\"invalid-name\","
         "\"detail\":\"a label begins with -\"}}}\n{\"end\":{\"code\":2}}",
         2, "", "certctl: -x: a label begins with -\n"},
	{"add '' --backend nobody", "{\"verb\":\"add\",\"backend\":\"nobody\",\"names\":[\"\"]}",
         "{\"end\":{\"code\":2,\"error\":{\"code\":\"unknown-backend\",\"detail\":\"no backend "
         "nobody\"}}}",
         2, "", "certctl: no backend nobody\n"},
	{"add a.example -o names", "{\"verb\":\"add\",\"names\":[\"a.example\"]}",
         "{\"result\":{\"name\":\"a.example\",\"ok\":true}}\n{\"end\":{\"code\":0}}", 0,
         "a.example\n", ""},
	{"add a.example -o json", "{\"verb\":\"add\",\"names\":[\"a.example\"]}",
         "{\"result\":{\"name\":\"a.example\",\"ok\":true}}\n{\"end\":{\"code\":0}}", 0,
         "{\"schema\":\"certd/v1\",\"items\":[\n{\"name\":\"a.example\",\"ok\":true}\n]}\n", ""},
	{"renew a.example", "{\"verb\":\"renew\",\"names\":[\"a.example\"]}",
         "{\"result\":{\"name\":\"a.example\",\"ok\":true}}\n{\"end\":{\"code\":0}}", 0,
         "a.example: queued for renewal\n", ""},
	{"remove nobody.test -o ndjson", "{\"verb\":\"remove\",\"names\":[\"nobody.test\"]}",
         "{\"result\":{\"name\":\"nobody.test\",\"ok\":false,\"error\":{\"code\":\"not-found\","
         "\"detail\":\"there is no such name here\"}}}\n{\"end\":{\"code\":3}}",
         3,
         "{\"name\":\"nobody.test\",\"ok\":false,\"error\":{\"code\":\"not-found\",\"detail\":"
         "\"there is no such name here\"}}\n",
         "certctl: nobody.test: there is no such name here\n"},
	{"show x.test", "{\"verb\":\"show\",\"name\":\"x.test\"}",
         "{\"end\":{\"code\":3,\"error\":{\"code\":\"not-found\",\"detail\":\"no such name\"}}}", 3,
         "", "certctl: x.test: no such name\n"},
	{"show x.test", "{\"verb\":\"show\",\"name\":\"x.test\"}",
         "{\"item\":{\"name\":\"x.test\",\"display\":\"\xc3\xbc.test\",\"state\":\"failing\","
         "\"ca\":"
         "\"local\",\"names\":[\"x.test\",\"y.test\"],\"generation\":3,\"error\":{\"code\":\"authz/"
         "dns\",\"detail\":\"NX\\u001b[2J\xe2\x80\xae\",\"hint\":\"fix it\"}}}\n{\"end\":{\"code\":"
         "0}}",
         0,
         "name        x.test (\xc3\xbc.test)\nstate       failing\nca          local\n"
         "covers      x.test y.test\ngeneration  3\n"
         "error       authz/dns: NX\\x1b[2J\\xe2\\x80\\xae\nhint        fix it\n",
         ""},
	{"ca show le", "{\"verb\":\"ca.show\",\"ca\":\"le\"}",
         "{\"ca\":{\"name\":\"le\",\"directory\":\"https://le/"
         "dir\",\"state\":\"ready\",\"names\":3,"
         "\"orders\":1,\"account\":{\"url\":\"https://le/\\u001b1\",\"status\":\"valid\","
         "\"created_at\":\"2026-11-10T05:00:00Z\",\"key\":\"ES256\",\"thumbprint\":\"abc\","
         "\"contacts\":[\"a@x\",\"b@x\"]},\"terms\":\"https://le/tos\",\"profiles\":[\"p\"]}}\n"
         "{\"end\":{\"code\":0}}",
         0,
         "ca          le\ndirectory   https://le/dir\nstate       ready, 3 names, 1 orders in "
         "work\naccount     https://le/\\x1b1\nstatus      valid, since "
         "2026-11-10T05:00:00Z\nkey         ES256, thumbprint abc\ncontacts    a@x, b@x\n"
         "terms       https://le/tos\nprofiles    p\n",
         ""},
	{"ca deactivate le --confirm le",
         "{\"verb\":\"ca.deactivate\",\"ca\":\"le\",\"confirm\":\"le\"}",
         "{\"end\":{\"code\":6,\"error\":{\"code\":\"busy\",\"detail\":\"later\"}}}", 6, "",
         "certctl: later\n"},
	{"revoke x.test --reason keyCompromise --with-key --no-renew",
         "{\"verb\":\"revoke\",\"name\":\"x.test\",\"reason\":\"keyCompromise\",\"with_key\":true,"
         "\"renew\":false}",
         "{\"revoked\":{\"name\":\"x.test\",\"revoked\":1}}\n{\"end\":{\"code\":0}}", 0,
         "revoked\n", ""},
	{"revoke x.test", "{\"verb\":\"revoke\",\"name\":\"x.test\"}",
         "{\"revoked\":{\"name\":\"x.test\",\"revoked\":1,\"renewing\":2}}\n{\"end\":{\"code\":0}}",
         0, "revoked; new ones are being got for 2 names\n", ""},
	{"show x.test -o ndjson", "{\"verb\":\"show\",\"name\":\"x.test\"}",
         "{\"item\":{\"name\":\"x.test\",\"display\":\"\xc3\xbc\xf0\x9f\x98\x80.test\"}}\n{\"end\":"
         "{"
         "\"code\":0}}",
         0,
         "{\"name\":\"x.test\",\"display\":\"\\u00fc\\ud83d\\ude00.test\",\"ca\":null,\"cas\":null,"
         "\"labels\":null,\"lead\":null,\"with\":null,"
         "\"used_at\":null,\"not_before\":null,"
         "\"not_after\":null,\"generation\":null,\"serial\":null,\"issuer\":null,\"key\":null,"
         "\"names\":null,\"second\":null,\"ocsp_until\":null,\"ocsp_next\":null,"
         "\"renewal_from\":null,\"renewal_until\":null,\"renewal_at\":null,"
         "\"renewal_asked\":null,\"renewal_why\":null,\"next\":null,\"step\":null,"
         "\"order\":null,\"error\":null,"
         "\"diagnosis\":null,\"dns_record\":null,\"dns_record_until\":null}\n",
         ""},
	{"list -o json --limit 2 --after a --state failing",
         "{\"verb\":\"list\",\"limit\":2,\"after\":\"a\",\"state\":\"failing\"}",
         "{\"item\":{\"name\":\"b\"}}\n{\"item\":{\"name\":\"c\"}}\n{\"end\":{\"code\":0,\"after\":"
         "\"c\"}}",
         0,
         "{\"schema\":\"certd/"
         "v1\",\"items\":[\n{\"name\":\"b\",\"display\":null,\"ca\":null,\"cas\":null,"
         "\"labels\":null,\"lead\":null,\"not_"
         "before\":"
         "null,\"not_after\":null,\"generation\":null,\"next\":null,\"error\":null,\"removed\":"
         "null},\n{\"name\":"
         "\"c\",\"display\":null,\"ca\":null,\"cas\":null,\"labels\":null,\"lead\":null,"
         "\"not_before\":null,\"not_after\":"
         "null,"
         "\"generation\":null,"
         "\"next\":null,\"error\":null,\"removed\":null}\n],\"after\":\"c\"}\n",
         ""},
	{"list -o json", "{\"verb\":\"list\",\"limit\":1000}", "{\"end\":{\"code\":0}}", 0,
         "{\"schema\":\"certd/v1\",\"items\":[]}\n", ""},
	{"list", "{\"verb\":\"list\",\"limit\":1000}", "{\"end\":{\"code\":0}}", 0, "", ""},
	{"list", "{\"verb\":\"list\",\"limit\":1000}",
         "{\"item\":{\"name\":\"long-name.test\",\"state\":\"valid\",\"ca\":\"le\",\"backend\":"
         "\"b\"}"
         "}\n{\"item\":{\"name\":\"b\\n.test\",\"state\":\"failing\",\"ca\":\"le\",\"backend\":"
         "\"b\","
         "\"error\":{\"code\":\"authz/dns\"}}}\n{\"end\":{\"code\":0}}",
         0,
         "NAME            STATE    EXPIRES  NEXT  CA  BACKEND  REASON\n"
         "long-name.test  valid    -        -     le  b        -\n"
         "b\\x0a.test      failing  -        -     le  b        authz/dns\n",
         ""},
	{"status -o ndjson", "{\"verb\":\"status\"}",
         "{\"status\":{\"version\":\"1\",\"names\":{\"valid\": 2}}}\n{\"end\":{\"code\":0}}", 0,
         "{\"schema\":\"certd/v1\",\"version\":\"1\",\"names\":{\"valid\":2}}\n", ""},
	{"reload --wait", "{\"verb\":\"reload\"}", "{\"end\":{\"code\":0}}", 0, "reloaded\n", ""},
	{"reload", "{\"verb\":\"reload\"}",
         "{\"end\":{\"code\":1,\"error\":{\"code\":\"config\",\"detail\":\"c:1:1: no\"}}}", 1, "",
         "certctl: c:1:1: no\n"},
	{"config check", "{\"verb\":\"config.check\"}", "{\"end\":{\"code\":0}}", 0,
         "the configuration is valid\n", ""},
	{"config check -o json /dev/../dev/null",
         "{\"verb\":\"config.check\",\"file\":\"/dev/null\"}",
         "{\"end\":{\"code\":1,\"error\":{\"code\":\"config\",\"detail\":\"c:1:1: no\"}}}", 1,
         "{\"schema\":\"certd/v1\",\"ok\":false,\"error\":{\"code\":\"config\",\"detail\":\"c:1:1: "
         "no\"}}\n",
         "certctl: c:1:1: no\n"},
	{"version", "{\"verb\":\"version\"}",
         "{\"version\":{\"version\":\"9.9\"}}\n{\"end\":{\"code\":0}}", 0,
         "certctl     " CERTD_VERSION "\ncertd       9.9\n", ""},
	/* a certd that is out of its mind */
	{"status", "{\"verb\":\"status\"}", "hello", 1, "",
         "certctl: what answers at SOCKET does not speak certd's protocol\n"},
	{"status", "{\"verb\":\"status\"}", "[]", 1, "",
         "certctl: what answers at SOCKET does not speak certd's protocol\n"},
	{"status", "{\"verb\":\"status\"}", "{\"end\":{\"code\":77}}", 1, "", ""},
	{"status", "{\"verb\":\"status\"}", "{\"end\":7}", 1, "", ""},
};

static void
test_talks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		ctlbox_start(&box, talks[i].words, NULL);
		ctlbox_accept(&box);
		ctlbox_expect(&box, talks[i].request);
		ctlbox_reply(&box, talks[i].reply);
		assert_ended(talks[i].code, talks[i].out, talks[i].err);
	}
}

#define CA_USAGE                                                                                   \
	"list | show NAME | test NAME | rollover NAME | register NAME | deactivate NAME "          \
	"--confirm NAME"

static const struct {
	const char *words;
	const char *err;
} usages[] = {
	{"", "certctl: a verb is missing; see certctl --help\n"},
	{"lsit", "certctl: unknown verb \"lsit\", did you mean \"list\"?; see certctl --help\n"},
	{"frobnicate", "certctl: unknown verb \"frobnicate\"; see certctl --help\n"},
	{"add", "certctl: usage: certctl add NAME...; see certctl add --help\n"},
	{"show", "certctl: usage: certctl show NAME; see certctl show --help\n"},
	{"show a b", "certctl: usage: certctl show NAME; see certctl show --help\n"},
	{"list x", "certctl: usage: certctl list; see certctl list --help\n"},
	{"list --nosuch", "certctl: unknown option --nosuch\n"},
	{"list --limt 3", "certctl: unknown option --limt, did you mean --limit?\n"},
	{"list -x", "certctl: unknown option -x\n"},
	{"list --wait", "certctl: \"list\" takes no --wait; see certctl list --help\n"},
	{"add a.test --backend", "certctl: --backend needs a value\n"},
	{"list -o", "certctl: -o needs a value\n"},
	{"add a.test --wait=1", "certctl: --wait takes no value\n"},
	{"show -o yaml old.test",
         "certctl: --output: \"yaml\" is none of table, wide, json, ndjson, names\n"},
	{"list --limit 0", "certctl: --limit: \"0\" is not a number from 1 on\n"},
	{"list --limit ten", "certctl: --limit: \"ten\" is not a number from 1 on\n"},
	{"add a.test --wait --timeout 10",
         "certctl: --timeout: \"10\" is not a time: write 500ms, 90s, 5m or 1h\n"},
	{"list --state vaild", "certctl: --state: \"vaild\" is none of pending, valid, renewing, "
                               "failing, external, paused, "
                               "moved, expired, removed; did you mean \"valid\"?\n"},
	{"ca", "certctl: usage: certctl ca " CA_USAGE "; see certctl ca --help\n"},
	{"ca shwo le", "certctl: \"shwo\": did you mean \"show\"? See certctl ca --help\n"
                       "certctl: usage: certctl ca " CA_USAGE "; see certctl ca --help\n"},
	{"ca show", "certctl: usage: certctl ca " CA_USAGE "; see certctl ca --help\n"},
	{"backend set app1 10.0.0.7:80 off", "certctl: usage: certctl backend list [NAME] | set "
                                             "NAME SERVER ready|drain|disabled | drain "
                                             "NAME SERVER; see certctl backend --help\n"},
	{"completion tcsh",
         "certctl: usage: certctl completion bash | zsh | fish; see certctl completion --help\n"},
	{"renew", "certctl: either NAME... or --expires-in; see certctl renew --help\n"},
	{"renew a.test --expires-in 7d",
         "certctl: either NAME... or --expires-in; see certctl renew --help\n"},
	{"wait a.test --for=servng", "certctl: --for: \"servng\" is none of ordered, challenge, "
                                     "finalized, stored, serving; did "
                                     "you mean \"serving\"?\n"},
	{"list --watch",
         "certctl: --watch is for a table on a terminal; see certctl events --follow\n"},
	{"list --color=red", "certctl: --color: \"red\" is none of auto, always, never\n"},
	{"raw []", "certctl: this is no JSON object: []\n"},
	{"ca list le", "certctl: usage: certctl ca " CA_USAGE "; see certctl ca --help\n"},
	{"revoke a.test --reason supersede",
         "certctl: --reason: \"supersede\" is none of unspecified, keyCompromise, superseded, "
         "cessationOfOperation, affiliationChanged; did you mean \"superseded\"?\n"},
	{"list --reason superseded",
         "certctl: \"list\" takes no --reason; see certctl list --help\n"},
	{"config",
         "certctl: usage: certctl config check [FILE] | show | diff; see certctl config --help\n"},
	{"config chekc",
         "certctl: \"chekc\": did you mean \"check\"? See certctl config --help\n"
         "certctl: usage: certctl config check [FILE] | show | diff; see certctl config --help\n"},
	{"add -", "certctl: no names on stdin\n"},
};

#undef CA_USAGE

static void
test_usage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		ctlbox_start(&box, usages[i].words, "");
		assert_ended(MSG_EXIT_USAGE, "", usages[i].err);
	}
}

static void
test_help(void **state)
{
	(void)state;
	ctlbox_start(&box, "--help", NULL);
	ctlbox_end(&box);
	assert_int_equal(box.code, 0);
	assert_non_null(strstr(box.out, "Examples:\n"));
	ctlbox_start(&box, "renew -h", NULL);
	ctlbox_end(&box);
	assert_int_equal(box.code, 0);
	assert_non_null(strstr(box.out, "certctl renew shop.example.com --wait\n"));
	assert_non_null(strstr(box.out, "--timeout TIME"));
	assert_null(strstr(box.out, "--backend"));
	assert_string_equal(box.err, "");
}

static void
test_environment(void **state)
{
	(void)state;
	setenv("CERTCTL_OUTPUT", "names", 1);
	ctlbox_start(&box, "list", NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"list\",\"limit\":1000}");
	ctlbox_reply(&box, "{\"item\":{\"name\":\"b\"}}\n{\"end\":{\"code\":0}}");
	assert_ended(0, "b\n", "");
	setenv("CERTCTL_OUTPUT", "xml", 1);
	ctlbox_start(&box, "list", NULL);
	assert_ended(
		2, "",
		"certctl: CERTCTL_OUTPUT: \"xml\" is none of table, wide, json, ndjson, names\n");
}

static void
test_nobody_there(void **state)
{
	static const char *const calls[] = {
		"status",          "list",   "add a.test",  "add a.test --wait", "wait a.test",
		"events --follow", "reload", "config check"};

	(void)state;
	ctlbox_unlisten(&box);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		ctlbox_start(&box, calls[i], NULL);
		assert_ended(4, "",
		             "certctl: cannot reach certd at SOCKET: No such file or directory\n");
	}
	ctlbox_start(&box, "version", NULL);
	assert_ended(0, "certctl     " CERTD_VERSION "\ncertd       does not answer\n", "");
	ctlbox_start(&box, "config check /nonexistent", NULL);
	assert_ended(1, "", "certctl: /nonexistent: No such file or directory\n");
}

static void
test_hung_up(void **state)
{
	(void)state;
	ctlbox_start(&box, "add a.test", NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"add\",\"names\":[\"a.test\"]}");
	ctlbox_hang_up(&box);
	assert_ended(
		4, "",
		"certctl: certd at SOCKET closed the connection before its answer was complete\n");
}

/* ---- many names ----------------------------------------------------------------------------- */

static void
test_stdin(void **state)
{
	(void)state;
	ctlbox_start(&box, "remove first.test - last.test",
	             "# a comment\n  a.test\t\r\n\nb.test\n   # more\nc.test");
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"remove\",\"names\":[\"first.test\",\"a.test\",\"b.test\","
	                    "\"c.test\",\"last.test\"]}");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	assert_ended(0, "", "");
}

/* 1,001 names are two requests on one connection, and the exit codes are put together. */
static void
test_batches(void **state)
{
	char *text = malloc(1001 * 8 + 1), *at = text, line[32768];

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < 1001; i++)
		at += sprintf(at, "n%04d\n", i);
	ctlbox_start(&box, "add -", text);
	ctlbox_accept(&box);
	ctlbox_read(&box, line, sizeof(line));
	assert_non_null(strstr(line, "\"n0000\""));
	assert_non_null(strstr(line, "\"n0999\"]"));
	ctlbox_reply(&box, "{\"result\":{\"name\":\"n0000\",\"ok\":true}}\n{\"end\":{\"code\":0}}");
	ctlbox_expect(&box, "{\"verb\":\"add\",\"names\":[\"n1000\"]}");
	ctlbox_reply(&box, "{\"result\":{\"name\":\"n1000\",\"ok\":false,\"error\":{\"code\":"
	                   "\"conflict\"}}}\n{\"end\":{\"code\":6}}");
	assert_ended(9, "n0000: added\n", "certctl: n1000: conflict\n");
	free(text);
}

static void
test_list_pages(void **state)
{
	(void)state;
	ctlbox_start(&box, "list -o names", NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"list\",\"limit\":1000}");
	ctlbox_reply(&box, "{\"item\":{\"name\":\"a\"}}\n{\"end\":{\"code\":0,\"after\":\"a\"}}");
	ctlbox_expect(&box, "{\"verb\":\"list\",\"limit\":1000,\"after\":\"a\"}");
	ctlbox_reply(&box, "{\"end\":{\"code\":0,\"after\":\"b\"}}");
	ctlbox_expect(&box, "{\"verb\":\"list\",\"limit\":1000,\"after\":\"b\"}");
	ctlbox_reply(&box, "{\"item\":{\"name\":\"c\"}}\n{\"end\":{\"code\":0}}");
	assert_ended(0, "a\nc\n", "");
}

static void
test_list_limit(void **state)
{
	(void)state;
	ctlbox_start(&box, "list -o names --limit 2", NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"list\",\"limit\":2}");
	ctlbox_reply(&box, "{\"item\":{\"name\":\"a\"}}\n{\"end\":{\"code\":0,\"after\":\"x\"}}");
	ctlbox_expect(&box, "{\"verb\":\"list\",\"limit\":1,\"after\":\"x\"}");
	ctlbox_reply(&box, "{\"item\":{\"name\":\"b\"}}\n{\"end\":{\"code\":0,\"after\":\"y\"}}");
	assert_ended(0, "a\nb\n", "");
}

/* ---- waiting -------------------------------------------------------------------------------- */

static const char accepted[] = "{\"result\":{\"name\":\"a.test\",\"ok\":true}}\n"
			       "{\"result\":{\"name\":\"b.test\",\"ok\":true}}";

static void
reply_step(const char *name, const char *step, const char *rest)
{
	char line[1024];

	snprintf(line, sizeof(line), "{\"step\":{\"name\":\"%s\",\"step\":\"%s\"%s}}", name, step,
	         rest);
	ctlbox_reply(&box, line);
}

static void
begin_wait(const char *words)
{
	ctlbox_start(&box, words, NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"add\",\"wait\":true,\"names\":[\"b.test\",\"a.test\"]}");
	ctlbox_reply(&box, accepted);
}

/* "took 0.1s" -> "took T". */
static void
hide_times(void)
{
	char *at = box.out, *end;

	while ((at = strstr(at, "took "))) {
		at += 5;
		end = strchr(at, '\n');
		*at = 'T';
		memmove(at + 1, end, strlen(end) + 1);
	}
}

static void
test_wait(void **state)
{
	(void)state;
	begin_wait("add b.test a.test --wait");
	reply_step("a.test", "queued", "");
	reply_step("b.test", "queued", "");
	reply_step("a.test", "challenge", ",\"detail\":\"http-01\"");
	reply_step("a.test", "serving", "");
	reply_step(
		"b.test", "failed",
		",\"error\":{\"code\":\"ca/refused\",\"detail\":\"no\\nway\",\"hint\":\"read\"}");
	ctlbox_reply(&box, "{\"end\":{\"code\":9}}");
	ctlbox_end(&box);
	hide_times();
	assert_string_equal(box.out, "a.test: queued\nb.test: queued\na.test: challenge, http-01\n"
	                             "a.test: serving, took T\n");
	assert_string_equal(box.err, "certctl: b.test: no\\x0away (ca/refused)\n  hint: read\n");
	assert_int_equal(box.code, 9);
}

static void
test_wait_ndjson(void **state)
{
	(void)state;
	begin_wait("add b.test a.test --wait -o ndjson");
	reply_step("b.test", "queued", "");
	reply_step("a.test", "serving", "");
	reply_step("b.test", "serving", "");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	assert_ended(0,
	             "{\"name\":\"b.test\",\"step\":\"queued\"}\n"
	             "{\"name\":\"a.test\",\"step\":\"serving\"}\n"
	             "{\"name\":\"b.test\",\"step\":\"serving\"}\n",
	             "");
}

static void
test_wait_json(void **state)
{
	(void)state;
	begin_wait("add b.test a.test --wait -o json");
	reply_step("b.test", "queued", "");
	reply_step("a.test", "serving", "");
	reply_step("b.test", "serving", "");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	assert_ended(0,
	             "{\"schema\":\"certd/"
	             "v1\",\"items\":[\n{\"name\":\"a.test\",\"step\":\"serving\"},\n"
	             "{\"name\":\"b.test\",\"step\":\"serving\"}\n]}\n",
	             "");
}

/* A name that is refused is not waited for; the same name twice is waited for once. */
static void
test_wait_for_accepted(void **state)
{
	(void)state;
	ctlbox_start(&box, "renew x.test A.test a.test --wait -o ndjson", NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"renew\",\"wait\":true,\"names\":[\"x.test\",\"A.test\","
	                    "\"a.test\"]}");
	ctlbox_reply(&box, "{\"result\":{\"name\":\"x.test\",\"ok\":false,\"error\":{\"code\":"
	                   "\"not-found\",\"detail\":\"none\"}}}\n"
	                   "{\"result\":{\"name\":\"a.test\",\"ok\":true}}\n"
	                   "{\"result\":{\"name\":\"a.test\",\"ok\":true}}");
	reply_step("a.test", "serving", "");
	ctlbox_reply(&box, "{\"end\":{\"code\":9}}");
	assert_ended(9,
	             "{\"name\":\"x.test\",\"step\":\"failed\",\"error\":{\"code\":\"not-found\","
	             "\"detail\":\"none\"}}\n{\"name\":\"a.test\",\"step\":\"serving\"}\n",
	             "certctl: x.test: none\n");
}

/* Of many names the last batch is waited for at once, the ones before it afterwards. */
static void
test_wait_for_batches(void **state)
{
	char *text = malloc(1001 * 8 + 1), *at = text, line[32768];

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < 1001; i++)
		at += sprintf(at, "n%04d\n", i);
	ctlbox_start(&box, "add - --wait -o names", text);
	ctlbox_accept(&box);
	ctlbox_read(&box, line, sizeof(line));
	assert_null(strstr(line, "wait"));
	ctlbox_reply(&box, "{\"result\":{\"name\":\"n0000\",\"ok\":true}}\n{\"end\":{\"code\":0}}");
	ctlbox_expect(&box, "{\"verb\":\"add\",\"wait\":true,\"names\":[\"n1000\"]}");
	ctlbox_reply(&box, "{\"result\":{\"name\":\"n1000\",\"ok\":true}}");
	reply_step("n1000", "serving", "");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	ctlbox_expect(&box, "{\"verb\":\"wait\",\"names\":[\"n0000\"]}");
	reply_step("n0000", "serving", "");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	assert_ended(0, "n1000\nn0000\n", "");
	free(text);
}

static void
test_wait_hung_up(void **state)
{
	(void)state;
	ctlbox_start(&box, "add a.test b.test --wait", NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"add\",\"wait\":true,\"names\":[\"a.test\",\"b.test\"]}");
	ctlbox_hang_up(&box);
	assert_ended(
		4, "",
		"certctl: certd at SOCKET closed the connection before its answer was complete\n");
}

/* certd goes away and comes back: only what is open is asked for, nothing is told twice. */
static void
test_wait_over_restart(void **state)
{
	(void)state;
	begin_wait("add b.test a.test --wait");
	reply_step("a.test", "serving", "");
	reply_step("b.test", "queued", "");
	ctlbox_hang_up(&box);
	ctlbox_unlisten(&box);
	usleep(400000);
	ctlbox_listen(&box);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"wait\",\"names\":[\"b.test\"]}");
	reply_step("b.test", "queued", "");
	reply_step("b.test", "serving", "");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	ctlbox_end(&box);
	hide_times();
	assert_string_equal(box.out, "a.test: serving, took T\nb.test: queued\n"
	                             "b.test: serving, took T\n");
	assert_string_equal(box.err, "certctl: certd is gone, waiting for it to come back\n");
	assert_int_equal(box.code, 0);
}

static void
test_wait_timeout(void **state)
{
	(void)state;
	begin_wait("add b.test a.test --wait --timeout 300ms");
	reply_step("a.test", "serving", "");
	ctlbox_end(&box);
	assert_string_equal(box.err,
	                    "certctl: 1 of 2 names are not through yet; certd goes on with them\n");
	assert_int_equal(box.code, 7);
}

static void
test_wait_verb(void **state)
{
	(void)state;
	ctlbox_start(&box, "wait b\xc3\xbc.test -o ndjson", NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"wait\",\"names\":[\"b\xc3\xbc.test\"]}");
	reply_step("xn--b-xka.test", "failed", ",\"error\":{\"code\":\"ca/rate-limited\"}");
	ctlbox_reply(&box, "{\"end\":{\"code\":8}}");
	assert_ended(8,
	             "{\"name\":\"xn--b-xka.test\",\"step\":\"failed\",\"error\":{\"code\":"
	             "\"ca/rate-limited\"}}\n",
	             "certctl: xn--b-xka.test: ca/rate-limited\n");
	ctlbox_start(&box, "wait a..b", NULL);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"wait\",\"names\":[\"a..b\"]}");
	ctlbox_reply(&box,
	             "{\"end\":{\"code\":2,\"error\":{\"code\":\"invalid\",\"detail\":\"bad\"}}}");
	assert_ended(2, "", "certctl: bad\n");
}

/* ---- events --------------------------------------------------------------------------------- */

static void
reply_event(int id, const char *rest)
{
	char line[512];

	snprintf(line, sizeof(line),
	         "{\"event\":{\"id\":%d,\"at\":\"2026-11-22T00:00:00Z\",\"type\":\"t\"%s}}", id,
	         rest);
	ctlbox_reply(&box, line);
}

static void
answer_status(int last)
{
	char line[128];

	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"status\"}");
	snprintf(line, sizeof(line), "{\"status\":{\"events_last\":%d}}\n{\"end\":{\"code\":0}}",
	         last);
	ctlbox_reply(&box, line);
}

/* The latest thousand; a name's from the start, page by page. */
static void
test_events(void **state)
{
	(void)state;
	ctlbox_start(&box, "events", NULL);
	answer_status(1500);
	ctlbox_expect(&box, "{\"verb\":\"events\",\"after\":500,\"limit\":1000,\"follow\":false}");
	reply_event(1500, ",\"name\":\"a.test\",\"detail\":\"x\\ny\",\"count\":1");
	reply_event(1501, ",\"detail\":\"z\",\"count\":815");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	assert_ended(0,
	             "2026-11-22T00:00:00Z  t                 a.test  x\\x0ay\n"
	             "2026-11-22T00:00:00Z  t                 z  (815 times)\n",
	             "");

	ctlbox_start(&box, "events --name a.test -o ndjson", NULL);
	answer_status(1500);
	ctlbox_expect(&box,
	              "{\"verb\":\"events\",\"after\":0,\"limit\":1000,\"follow\":false,\"name\":"
	              "\"a.test\"}");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	ctlbox_expect(&box, "{\"verb\":\"events\",\"after\":1000,\"limit\":1000,\"follow\":false,"
	                    "\"name\":\"a.test\"}");
	reply_event(1200, "");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	assert_ended(0,
	             "{\"id\":1200,\"at\":\"2026-11-22T00:00:00Z\",\"type\":\"t\",\"name\":null}\n",
	             "");
}

static void
test_events_follow(void **state)
{
	(void)state;
	ctlbox_start(&box, "events --follow --after 7 -o ndjson", NULL);
	answer_status(9);
	ctlbox_expect(&box, "{\"verb\":\"events\",\"after\":7,\"limit\":1000,\"follow\":true}");
	reply_event(8, ",\"name\":\"a\"");
	ctlbox_hang_up(&box);
	ctlbox_accept(&box);
	ctlbox_expect(&box, "{\"verb\":\"events\",\"after\":8,\"limit\":1000,\"follow\":true}");
	reply_event(8, ",\"name\":\"a\"");
	reply_event(9, ",\"name\":\"b\"");
	ctlbox_reply(&box, "{\"end\":{\"code\":0}}");
	assert_ended(0,
	             "{\"id\":8,\"at\":\"2026-11-22T00:00:00Z\",\"type\":\"t\",\"name\":\"a\"}\n"
	             "{\"id\":9,\"at\":\"2026-11-22T00:00:00Z\",\"type\":\"t\",\"name\":\"b\"}\n",
	             "certctl: certd is gone, waiting for it to come back\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_talks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_usage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_help, setup, teardown),
		cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hung_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stdin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_ndjson, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_for_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_over_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_verb, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_for_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_hung_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events_follow, setup, teardown),
	};

	return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
