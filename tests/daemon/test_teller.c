/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves as JSON, its signature, and a log that has dropped what was not delivered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "daemon/common/notice.h"
#include "daemon/tell/teller_inside.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

static const struct {
	const char *detail;
	const char *shown; /* as JSON text */
} texts[] = {
	{"plain", "plain"},
	{"</script><b>&amp;", "\\u003c/script\\u003e\\u003cb\\u003e\\u0026amp;"},
	{"a \"quote\" and \\", "a \\\"quote\\\" and \\\\"},
	{"b\xc3\xbc"
         "cher",
         "b\xc3\xbc"
         "cher"},
	{"\xff\xc3", "\\\\xff\\\\xc3"},                                /* no UTF-8 */
	{"\xed\xa0\x80", "\\\\xed\\\\xa0\\\\x80"},                     /* a surrogate */
	{"\xe2\x80\xae", "\\\\xe2\\\\x80\\\\xae"},                     /* turns the text around */
	{"new\nline\x1b[31m\x7f", "new\\\\x0aline\\\\x1b[31m\\\\x7f"}, /* moves a cursor */
};

static void
texts_leave_as_valid_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct event e = {.id = 7, .at = 1, .type = "cert.expired", .count = 1};
		struct buf out = {0};
		cJSON *json = NULL;
		char want[256];

		snprintf(e.detail, sizeof(e.detail), "%s", texts[i].detail);
		assert_int_equal(teller_json(&e, &out), ERR_OK);
		snprintf(want, sizeof(want), "\"detail\":\"%s\",", texts[i].shown);
		if (!strstr(buf_str(&out), want))
			fail_msg("wanted %s in %s", want, buf_str(&out));
		assert_int_equal(out.data[out.len - 1], '\n');
		assert_int_equal(json_parse(out.data, out.len - 1, &json), ERR_OK);
		assert_string_equal(json_text(json, "act"), "operator");
		assert_string_equal(json_text(json, "at"), "1970-01-01T00:00:01Z");
		assert_null(json_text(json, "name"));
		cJSON_Delete(json);
		buf_done(&out);
	}
}

/* The vector is of `printf '1700000000.{"id":1}' | openssl dgst -sha256 -hmac 0123456789abcdef`. */
static void
signatures_are_hmac_sha256(void **state)
{
	static const char key[] = "0123456789abcdef";
	struct secret secret = {0};
	struct buf body = {0};
	char text[TELLER_SIGNATURE_MAX];

	(void)state;
	assert_int_equal(secret_set(&secret, key, strlen(key)), ERR_OK);
	buf_add_str(&body, "{\"id\":1}");
	assert_int_equal(teller_sign(&secret, 1700000000, &body, text), ERR_OK);
	assert_string_equal(text,
	                    "v1=4bcaced68dfea90a68df035b89cb7fb26692d899d32a1ccb1b0616cf48e4d1ed");
	secret_done(&secret);
	buf_done(&body);
}

/* ---- where it sleeps ------------------------------------------------------------------------- */

static atomic_int transport_fails;

enum err __real_transport_run(struct transport *t, int timeout_ms);
enum err __wrap_transport_run(struct transport *t, int timeout_ms);

enum err
__wrap_transport_run(struct transport *t, int timeout_ms)
{
	return atomic_load(&transport_fails) ? ERR_IO : __real_transport_run(t, timeout_ms);
}

/* ---- the log -------------------------------------------------------------------------------- */

static void
no_wake(void *arg)
{
	(void)arg;
}

static void
put_event(struct tmpstore *t, int64_t at, const char *type, const char *detail)
{
	struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);
	struct event e = {.at = at};

	snprintf(e.type, sizeof(e.type), "%s", type);
	snprintf(e.detail, sizeof(e.detail), "%s", detail);
	assert_int_equal(event_put(txn, &e), ERR_OK);
	tmpstore_commit(txn);
}

static const struct conf *
load(const struct tmpstore *t)
{
	char path[sizeof(t->parent) + 16], error[CONF_ERROR_MAX + 1];
	const struct conf *conf = NULL;
	FILE *out;

	snprintf(path, sizeof(path), "%s/conf", t->parent);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "listen 127.0.0.1:443 { tls; }\non event cert.* { exec /bin/true; }\n");
	assert_int_equal(fclose(out), 0);
	if (conf_load(path, &conf, error))
		fail_msg("%s", error);
	unlink(path);
	return conf;
}

/* Runs a teller until WANTED events were taken or given up. */
static struct teller_state
run(struct tmpstore *t, const struct conf *conf, uint64_t wanted)
{
	struct teller_config config = {.conf = conf, .store = t->store};
	struct teller_state state;
	struct teller *teller;

	assert_int_equal(notice_new(no_wake, NULL, &config.notices), ERR_OK);
	assert_int_equal(teller_start(&config, &teller), ERR_OK);
	do {
		usleep(5000);
		teller_look(teller, &state);
	} while (state.taken + state.dropped < wanted);
	teller_stop(teller);
	notice_free(config.notices);
	return state;
}

static void
what_the_log_has_dropped_is_told(void **state)
{
	struct tmpstore t;
	const struct conf *conf;
	struct teller_state seen;
	struct event page[4];
	struct store_txn *txn;
	size_t count;
	int64_t old = clock_wall() - EVENT_KEEP_S - 100;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	conf = load(&t);
	put_event(&t, old, "cert.stored", "before there was a hook");
	run(&t, conf, 0);
	put_event(&t, old + 1, "cert.stored", "never delivered");
	put_event(&t, clock_wall(), "cert.stored", "drops those");
	seen = run(&t, conf, 1);
	assert_int_equal(seen.taken, 1);
	txn = tmpstore_read(&t, STORE_PRIVATE);
	assert_int_equal(event_page(txn, 0, 4, page, &count), ERR_OK);
	store_abort(txn);
	assert_int_equal(count, 2);
	assert_string_equal(page[1].type, "hook.dropped");
	assert_string_equal(page[1].detail, "exec /bin/true: the log has dropped events that were "
	                                    "not delivered, up to 2");
	conf_unref(conf);
	tmpstore_done(&t);
}

/* Programs are told all the same. */
static void
goes_on_without_a_network(void **state)
{
	struct tmpstore t;
	const struct conf *conf;
	struct teller_state seen;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	conf = load(&t);
	run(&t, conf, 0);
	put_event(&t, clock_wall(), "cert.stored", "a");
	put_event(&t, clock_wall(), "cert.stored", "b");
	atomic_store(&transport_fails, 1);
	seen = run(&t, conf, 2);
	atomic_store(&transport_fails, 0);
	assert_int_equal(seen.taken, 2);
	conf_unref(conf);
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_leave_as_valid_json),
		cmocka_unit_test(signatures_are_hmac_sha256),
		cmocka_unit_test(what_the_log_has_dropped_is_told),
		cmocka_unit_test(goes_on_without_a_network),
	};

	return cmocka_run_group_tests_name("teller", tests, NULL, NULL);
}
