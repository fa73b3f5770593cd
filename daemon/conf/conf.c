/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "daemon/conf/conf_build.h"
#include "store/label.h"

/* What conf_unref() finds around the struct conf it gets. */
struct conf_owner {
	struct conf conf;
	struct conf_context cx; /* its memory holds every pointer in conf */
	atomic_uint refs;
};

static bool
take_log_level(const struct conf_walk *w, const struct conf_rule *rule,
               const struct conf_statement *s, void *into)
{
	static const char *const words[] = {"err", "warn", "notice", "info", "debug", NULL};

	(void)rule;
	if (log_level_parse(s->words[1].text, &((struct conf *)into)->log_level) == ERR_OK)
		return true;
	return conf_fail_unknown(w->cx, &s->words[1], "log level", nearest_in_list, words);
}

/* The tree has put the files' statements where it stood; the word is here to be known. */
static bool
take_include(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	(void)rule;
	(void)into;
	return conf_fail(w->cx, &s->words[0].at, "an include inside an include's place");
}

static bool
take_quota(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
           void *into)
{
	static const char *const whats[] = {"label", NULL};
	struct conf *conf = into;
	char text[LABEL_TEXT_MAX + 1];
	struct label label;

	if (strcmp(s->words[1].text, "label") != 0)
		return conf_fail_unknown(w->cx, &s->words[1], "kind of quota", nearest_in_list,
		                         whats);
	if (snprintf(text, sizeof(text), "%s=x", s->words[2].text) >= (int)sizeof(text) ||
	    label_parse(text, &label, NULL) || strcmp(label.value, "x") != 0)
		return conf_fail(w->cx, &s->words[2].at, "\"%s\" is not the key of a label",
		                 conf_show(w->cx, s->words[2].text));
	conf->quota.label = s->words[2].text;
	return conf_number(w->cx, &s->words[3], &rule->range, &conf->quota.names);
}

static const struct conf_rule top_rules[] = {
	CONF_RULE("state-directory", "PATH", 1, 1, conf_take_path,
                  .offset = offsetof(struct conf, state_directory), CONF_RANGE(1, CONF_PATH_MAX)),
	CONF_RULE("workers", "NUMBER", 1, 1, conf_take_number,
                  .offset = offsetof(struct conf, workers), CONF_RANGE(1, CONF_WORKERS_MAX)),
	CONF_RULE("front-user", "NAME", 1, 1, conf_take_front_user),
	CONF_RULE("control-socket", "PATH", 1, 1, conf_take_path,
                  .offset = offsetof(struct conf, control_socket),
                  CONF_RANGE(1, sizeof(((struct sockaddr_un *)0)->sun_path) - 1)),
	CONF_RULE("control", "", 0, 0, conf_take_control, .has_block = true),
	CONF_RULE("master-key", "PATH", 1, 1, conf_take_path,
                  .offset = offsetof(struct conf, master_key), CONF_RANGE(1, CONF_PATH_MAX)),
	CONF_RULE("log-level", "err|warn|notice|info|debug", 1, 1, take_log_level),
	CONF_RULE("listen", "ADDRESS:PORT", 1, 1, conf_take_listen, .has_block = true,
                  .repeats = true),
	CONF_RULE("bind", "ADDRESS NAME", 2, 2, conf_take_bind, .repeats = true),
	CONF_RULE("ca", "NAME", 1, 1, conf_take_ca, .has_block = true, .repeats = true),
	CONF_RULE("dns", "NAME", 1, 1, conf_take_dns, .has_block = true, .repeats = true),
	CONF_RULE("resolver", "ADDRESS[:PORT]...", 1, CONF_RESOLVERS_MAX, conf_take_resolver),
	CONF_RULE("public-suffixes", "PATH", 1, 1, conf_take_path,
                  .offset = offsetof(struct conf, public_suffixes), CONF_RANGE(1, CONF_PATH_MAX)),
	CONF_RULE("backend", "NAME", 1, 1, conf_take_backend, .has_block = true, .repeats = true),
	CONF_RULE("default", "", 0, 0, conf_take_default, .has_block = true),
	CONF_RULE("ocsp-allow-private", "", 0, 0, conf_take_flag,
                  .offset = offsetof(struct conf, ocsp_allow_private)),
	CONF_RULE("quota", "label KEY NUMBER", 3, 3, take_quota, CONF_RANGE(1, 10000000)),
	CONF_RULE("keep-removed", "TIME [NUMBER]", 1, 2, conf_take_keep_removed,
                  CONF_RANGE(1, 10000000)),
	CONF_RULE("audit", "TIME [PERCENT]", 1, 2, conf_take_audit, CONF_RANGE(1, 100)),
	CONF_RULE("ownership", "", 0, 0, conf_take_ownership, .has_block = true),
	CONF_RULE("metrics", "ADDRESS:PORT [exposed]", 1, 2, conf_take_metrics),
	CONF_RULE("expiry-events", "STEP...", 1, CONF_EXPIRY_MAX, conf_take_expiry),
	CONF_RULE("on", "event TYPE...", 2, CONF_TYPES_MAX + 1, conf_take_on, .has_block = true,
                  .repeats = true),
	CONF_RULE("diagnose", "", 0, 0, conf_take_diagnose, .has_block = true),
	CONF_RULE("on-demand", "", 0, 0, conf_take_on_demand, .has_block = true),
	CONF_RULE("include", "FILE", 1, 1, take_include, .repeats = true),
};

static const struct conf_level top_level = CONF_LEVEL(NULL, top_rules);

static size_t
count_of(const struct conf_statement *first, const char *word)
{
	size_t n = 0;

	for (const struct conf_statement *s = first; s; s = s->next)
		n += strcmp(s->words[0].text, word) == 0;
	return n;
}

static size_t
at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

/* Arrays with room for all blocks there may be, so that pointers into them stay. */
static bool
make_room(struct conf_context *cx, struct conf_build *b)
{
	size_t listens = at_most(count_of(b->first, "listen"), CONF_LISTENS_MAX);
	size_t cas = at_most(count_of(b->first, "ca"), CONF_CAS_MAX);
	size_t dns = at_most(count_of(b->first, "dns"), CONF_DNS_MAX);
	size_t backends = at_most(count_of(b->first, "backend"), CONF_BACKENDS_MAX);
	size_t binds = at_most(count_of(b->first, "bind"), CONF_BINDS_MAX);

	b->listens = conf_alloc(cx, listens * sizeof(*b->listens));
	b->cas = conf_alloc(cx, cas * sizeof(*b->cas));
	b->ca_dns = conf_alloc(cx, cas * sizeof(*b->ca_dns));
	b->dns = conf_alloc(cx, dns * sizeof(*b->dns));
	b->backends = conf_alloc(cx, backends * sizeof(*b->backends));
	b->binds = conf_alloc(cx, binds * sizeof(*b->binds));
	if (cx->err)
		return false;
	b->conf->listens = b->listens;
	b->conf->cas = b->cas;
	b->conf->dns = b->dns;
	b->conf->backends = b->backends;
	b->conf->binds = b->binds;
	return true;
}

static uint32_t
cpu_count(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > CONF_WORKERS_MAX ? CONF_WORKERS_MAX : n > 0 ? (uint32_t)n : 1;
}

static void
set_defaults(struct conf *conf, const char *file)
{
	*conf = (struct conf){
		.file = file,
		.state_directory = "/var/lib/certd",
		.control_socket = "/run/certd/control.sock",
		.workers = cpu_count(),
		.log_level = LOG_LEVEL_NOTICE,
		.removed = {.keep_ms = 30 * 86400u * 1000u, .most = 100000},
		.audit = {.within_ms = 6 * 3600u * 1000u, .cpu = 25},
		.otherwise = {.key = KEY_ECDSA_P256,
	                      .second_key = KEY_KINDS,
	                      .unknown_sni = UNKNOWN_SNI_REJECT},
	};
	conf_control_defaults(&conf->control);
	conf_tell_defaults(&conf->tell);
	conf_diagnose_defaults(&conf->diagnose);
	conf_on_demand_defaults(&conf->on_demand);
}

/* Defaults that hang on other values. */
static bool
complete(struct conf_context *cx, struct conf *conf)
{
	static const char key_name[] = "/master.key";
	size_t len = strlen(conf->state_directory);
	char *path;

	if (conf->master_key)
		return true;
	path = conf_alloc(cx, len + sizeof(key_name));
	if (!path)
		return false;
	memcpy(path, conf->state_directory, len);
	memcpy(path + len, key_name, sizeof(key_name));
	conf->master_key = path;
	return true;
}

static bool
build(struct conf_context *cx, struct conf *conf, const char *file)
{
	struct conf_build b = {.conf = conf};
	struct conf_walk w = {.cx = cx, .top = &top_level, .build = &b};
	struct conf_statement *first;

	file = conf_strdup(cx, file);
	if (!file)
		return false;
	set_defaults(conf, file);
	if (!conf_tree_read(cx, file, &first))
		return false;
	b.first = first;
	if (!make_room(cx, &b) || !conf_walk(&w, &top_level, first, conf) ||
	    !conf_resolve_default(&w) || !conf_resolve_on_demand(&w) || !conf_resolve_names(&w) ||
	    !conf_resolve_dns(&w))
		return false;
	if (!conf->listen_count)
		return conf_fail(cx, &(struct conf_place){file, 1, 1},
		                 "no \"listen\" in the whole file: at least one is needed");
	conf->sources = cx->first_source;
	if ((conf->ownership.txt || conf->ownership.http) && conf->diagnose.off)
		return conf_fail(
			cx, &(struct conf_place){file, 1, 1},
			"\"ownership\" needs the looks that \"diagnose { off; }\" forbids");
	return complete(cx, conf);
}

enum err
conf_load(const char *file, const struct conf **ret_conf, char error[CONF_ERROR_MAX + 1])
{
	struct conf_owner *owner = calloc(1, sizeof(*owner));
	enum err err;

	*error = '\0';
	if (!owner)
		return ERR_NOMEM;
	owner->cx.error = error;
	atomic_init(&owner->refs, 1);
	if (!build(&owner->cx, &owner->conf, file)) {
		err = owner->cx.err;
		conf_release(&owner->cx);
		free(owner);
		return err;
	}
	owner->cx.error = NULL;
	*ret_conf = &owner->conf;
	return ERR_OK;
}

/* The reference count is the one thing in a struct conf that changes. */
static struct conf_owner *
owner_of(const struct conf *conf)
{
	return (struct conf_owner *)(uintptr_t)conf;
}

const struct conf *
conf_ref(const struct conf *conf)
{
	atomic_fetch_add_explicit(&owner_of(conf)->refs, 1, memory_order_relaxed);
	return conf;
}

void
conf_unref(const struct conf *conf)
{
	struct conf_owner *owner = owner_of(conf);

	if (!conf || atomic_fetch_sub_explicit(&owner->refs, 1, memory_order_acq_rel) != 1)
		return;
	conf_release(&owner->cx);
	free(owner);
}

const struct conf_ca *
conf_ca(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->ca_count; i++)
		if (strcmp(conf->cas[i].name, name) == 0)
			return &conf->cas[i];
	return NULL;
}

const struct conf_dns *
conf_dns(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->dns_count; i++)
		if (strcmp(conf->dns[i].name, name) == 0)
			return &conf->dns[i];
	return NULL;
}

const struct conf_backend *
conf_backend(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->backend_count; i++)
		if (strcmp(conf->backends[i].name, name) == 0)
			return &conf->backends[i];
	return NULL;
}
