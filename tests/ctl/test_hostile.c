/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a CA, a client or a record has said: no text of a reply moves a cursor, fakes a line or
 * hides what it says, whichever verb shows it and in whichever form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/ctlbox.h"

/* As JSON has it: clear the screen, set the clipboard; a line of its own; C1 controls; right to
 * left; no width; a byte that is no UTF-8. */
#define HOSTILE                                                                                    \
	"\"\\u001b[2J\\u001b]52;c;eA==\\u0007x\\r\\nFAKE \\u007f\\u009b31m\\u202e\\u200b\\u2028"   \
	"\xff\""

/* H is the hostile text. */
static const struct {
	const char *words;
	const char *replies[3];
} rows[] = {
	{"list",
         {"{\"item\":{\"name\":H,\"display\":H,\"state\":H,\"ca\":H,\"backend\":H,\"not_after\":H,"
          "\"next\":H,\"labels\":{\"k\":H},\"lead\":H,\"error\":{\"code\":H,\"detail\":H}}}\n"
          "{\"end\":{\"code\":0,\"matches\":1}}"}},
	{"show a.test",
         {"{\"item\":{\"name\":H,\"display\":H,\"state\":H,\"ca\":H,\"cas\":[H,H],\"backend\":H,"
          "\"labels\":{\"k\":H},\"with\":[H],\"lead\":H,\"created_at\":H,\"not_before\":H,"
          "\"not_after\":H,\"generation\":1,\"serial\":H,\"issuer\":H,\"key\":H,\"names\":[H,H],"
          "\"second\":{\"serial\":H,\"issuer\":H,\"key\":H,\"names\":[H]},\"ocsp_until\":H,"
          "\"renewal_from\":H,\"renewal_at\":H,\"renewal_why\":H,\"next\":H,\"step\":H,"
          "\"order\":H,\"dns_record\":H,\"error\":{\"code\":H,\"detail\":H,\"hint\":H,\"type\":H,"
          "\"at\":H},\"diagnosis\":{\"code\":H,\"act\":H,\"text\":H,\"records\":[H],\"findings\":"
          "[H],\"at\":H}}}\n{\"end\":{\"code\":0}}"}},
	{"diagnose a.test",
         {"{\"diagnosis\":{\"code\":H,\"act\":H,\"text\":H,\"records\":[H],\"findings\":[H,H],"
          "\"at\":H}}\n{\"end\":{\"code\":1}}"}},
	{"order a.test",
         {"{\"attempt\":{\"ca\":H,\"result\":H,\"began_at\":H,\"ended_at\":H,\"order\":H,\"steps\":"
          "[{\"step\":H,\"status\":400,\"at\":H}],\"error\":{\"code\":H,\"detail\":H,\"hint\":H},"
          "\"document\":{\"type\":H,\"detail\":H,\"instance\":H,\"subproblems\":[{\"type\":H,"
          "\"detail\":H,\"identifier\":{\"type\":H,\"value\":H}}]},\"next\":H}}\n"
          "{\"end\":{\"code\":0}}"}},
	{"events --after 1",
         {"{\"status\":{\"events_last\":2}}\n{\"end\":{\"code\":0}}",
          "{\"event\":{\"id\":2,\"at\":H,\"type\":H,\"name\":H,\"detail\":H,\"count\":2,"
          "\"first_at\":H}}\n{\"end\":{\"code\":0,\"after\":2}}"}},
	{"faults",
         {"{\"fault\":{\"name\":H,\"types\":[H,H],\"since\":H,\"detail\":H,\"acknowledged\":{"
          "\"at\":H,\"uid\":1}}}\n{\"fault\":{\"types\":[H],\"detail\":H,\"event\":3}}\n"
          "{\"end\":{\"code\":0}}"}},
	{"status",
         {"{\"status\":{\"version\":H,\"started_at\":H,\"names\":{},\"cas\":[{\"name\":H,"
          "\"directory\":H,\"state\":H,\"error\":{\"code\":H,\"detail\":H}}],\"store\":{"
          "\"trouble\":H}}}\n{\"end\":{\"code\":0}}"}},
	{"limits",
         {"{\"limit\":{\"ca\":H,\"scope\":H,\"of\":H,\"until\":H,\"reason\":H}}\n"
          "{\"end\":{\"code\":0}}"}},
	{"ca list",
         {"{\"ca\":{\"name\":H,\"directory\":H,\"state\":H,\"error\":{\"code\":H,\"detail\":H}}}\n"
          "{\"end\":{\"code\":0}}"}},
	{"ca show le",
         {"{\"ca\":{\"name\":H,\"directory\":H,\"state\":H,\"account\":{\"url\":H,\"status\":H,"
          "\"created_at\":H,\"key\":H,\"thumbprint\":H,\"contacts\":[H]},\"terms\":H,\"website\":H,"
          "\"caa_identities\":[H],\"profiles\":[H],\"error\":{\"code\":H,\"detail\":H}}}\n"
          "{\"end\":{\"code\":0}}"}},
	{"backend list",
         {"{\"backend\":{\"name\":H,\"balance\":H,\"check\":H,\"servers\":[{\"server\":H,"
          "\"addresses\":[H],\"state\":H,\"health\":H,\"since\":H,\"last_failure\":H}]}}\n"
          "{\"end\":{\"code\":0}}"}},
	{"db stat",
         {"{\"db\":{\"names\":{},\"quarantine\":[{\"id\":1,\"at\":H,\"table\":H,\"name\":H,"
          "\"reason\":H}],\"directory\":H,\"trouble\":H,\"keys\":{},\"last_backup\":{\"at\":H,"
          "\"directory\":H}}}\n{\"end\":{\"code\":0}}"}},
	{"db check",
         {"{\"finding\":{\"code\":H,\"env\":H,\"table\":H,\"key\":H,\"what\":H}}\n"
          "{\"end\":{\"code\":1}}"}},
	{"add a.test",
         {"{\"result\":{\"name\":H,\"ok\":true}}\n{\"result\":{\"name\":H,\"ok\":false,\"error\":{"
          "\"code\":H,\"detail\":H,\"hint\":H}}}\n{\"end\":{\"code\":9}}"}},
	{"wait a.test",
         {"{\"step\":{\"name\":\"a.test\",\"step\":\"ordered\",\"detail\":H,\"at\":H}}\n"
          "{\"step\":{\"name\":\"a.test\",\"step\":\"failed\",\"at\":H,\"error\":{\"code\":H,"
          "\"detail\":H,\"hint\":H,\"next\":H}}}\n{\"end\":{\"code\":1}}"}},
	{"version", {"{\"version\":{\"version\":H,\"pid\":1}}\n{\"end\":{\"code\":0}}"}},
	{"check", {"{\"end\":{\"code\":1,\"error\":{\"code\":H,\"detail\":H,\"hint\":H}}}"}},
	{"reload", {"{\"end\":{\"code\":1,\"error\":{\"code\":\"config\",\"detail\":H}}}"}},
	{"ack 1", {"{\"end\":{\"code\":3,\"error\":{\"code\":H,\"detail\":H,\"hint\":H}}}"}},
};

static struct ctlbox box;

/* TEMPLATE with its H replaced. */
static void
reply(const char *template)
{
	static char text[CTLBOX_TEXT_MAX];
	size_t len = 0;

	for (const char *p = template; *p; p++) {
		assert_true(len + sizeof(HOSTILE) < sizeof(text));
		if (*p == 'H')
			len += (size_t)sprintf(text + len, "%s", HOSTILE);
		else
			text[len++] = *p;
	}
	text[len] = '\0';
	ctlbox_reply(&box, text);
}

static void
assert_harmless(const char *what, const char *words, const char *text)
{
	static const char *const forbidden[] = {"\nFAKE",       "\xc2\x9b",     "\xe2\x80\xae",
	                                        "\xe2\x80\x8b", "\xe2\x80\xa8", "\xff"};

	for (const char *p = text; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\n') || *p == 0x7f)
			fail_msg("%s: \\x%02x on %s:\n%s", words, (unsigned)*p, what, text);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		if (strstr(text, forbidden[i]))
			fail_msg("%s: forbidden %zu on %s:\n%s", words, i, what, text);
}

static void
run(const char *words, const char *const replies[3])
{
	char line[4096];

	ctlbox_start(&box, words, NULL);
	ctlbox_accept(&box);
	for (int i = 0; i < 3 && replies[i]; i++) {
		ctlbox_read(&box, line, sizeof(line));
		reply(replies[i]);
	}
	ctlbox_end(&box);
	assert_harmless("stdout", words, box.out);
	assert_harmless("stderr", words, box.err);
	/* It is shown all the same. */
	if (!strstr(box.out, "FAKE") && !strstr(box.err, "FAKE"))
		fail_msg("%s shows nothing:\n%s%s", words, box.out, box.err);
}

static void
nothing_hostile_comes_through(void **state)
{
	static const char *const forms[] = {"table", "json", "ndjson"};
	char words[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
			snprintf(words, sizeof(words), "-o %s %s", forms[f], rows[i].words);
			run(words, rows[i].replies);
		}
}

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_hostile_comes_through, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
