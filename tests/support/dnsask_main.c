/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsask - daemon/dns/dns.h by itself, for the scenarios
 *
 *   dnsask CONF find NAME               where its record belongs: name, zone, addresses
 *   dnsask CONF look NAME VALUE         0 when all servers have it
 *   dnsask CONF add|remove BLOCK NAME VALUE
 *   dnsask CONF diagnose NAME CAA-IDENTITY    without probes: "CODE TEXT"
 * What went wrong is on stdout: "CODE DETAIL", exit status 1. TIMEOUT_MS (default 20000) bounds it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/problem.h"
#include "daemon/conf/conf.h"
#include "daemon/dns/diagnose.h"
#include "daemon/dns/dns.h"

static int
tell(enum err err, const struct problem *why)
{
	if (err)
		printf("%s %s\n", problem_code(why->kind), why->detail);
	return err ? 1 : 0;
}

static int
find(const struct dns_call *call, const char *name)
{
	struct dns_place place;
	struct problem why = {0};
	enum err err = dns_find(call, name, &place, &why);

	if (err)
		return tell(err, &why);
	printf("%s %s", place.name, place.zone);
	for (size_t i = 0; i < place.server_count; i++)
		printf(" %s", place.servers[i].address.text);
	putchar('\n');
	return 0;
}

static int
look(const struct dns_call *call, const char *name, const char *value)
{
	struct dns_place place;
	struct problem why = {0};
	enum err err = dns_find(call, name, &place, &why);

	if (!err)
		err = dns_txt_everywhere(call, &place, value, &why);
	return tell(err, &why);
}

static int
change(const struct dns_call *call, const struct conf_dns *dns, enum dns_action action,
       char **words)
{
	struct dns_place place;
	struct problem why = {0};
	enum err err = dns_find(call, words[0], &place, &why);

	if (!err)
		err = dns_update(call, &dns->update, &place, action, words[1], &why);
	return tell(err, &why);
}

static int
look_at(const struct conf *conf, const char *name, const char *identity)
{
	struct diagnose_question q = {.conf = conf, .methods = {"http-01"}};
	struct diagnosis d;

	snprintf(q.identities, sizeof(q.identities), "%s", identity);
	if (hostname_parse(name, &q.name, NULL) || diagnose(&q, &d))
		return 2;
	printf("%s %s\n", d.code, d.text);
	return strcmp(d.code, "ok") == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	const char *timeout = getenv("TIMEOUT_MS");
	const struct conf *conf;
	const struct conf_dns *dns;
	char error[CONF_ERROR_MAX + 1];
	struct dns_call call = {.deadline = clock_mono_ms() + (timeout ? atoi(timeout) : 20000)};
	int status = 2;

	if (argc < 4 || conf_load(argv[1], &conf, error)) {
		fprintf(stderr, "dnsask: %s\n", argc < 4 ? "CONF VERB ..." : error);
		return 2;
	}
	call.resolvers = &conf->resolvers;
	if (argc == 4 && strcmp(argv[2], "find") == 0)
		status = find(&call, argv[3]);
	else if (argc == 5 && strcmp(argv[2], "look") == 0)
		status = look(&call, argv[3], argv[4]);
	else if (argc == 5 && strcmp(argv[2], "diagnose") == 0)
		status = look_at(conf, argv[3], argv[4]);
	else if (argc == 6 && (dns = conf_dns(conf, argv[3])))
		status = change(&call, dns, strcmp(argv[2], "add") == 0 ? DNS_ADD : DNS_REMOVE,
		                argv + 4);
	conf_unref(conf);
	return status;
}
