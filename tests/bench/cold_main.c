/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cold STATE-DIRECTORY NAMES COUNT - what a handshake pays for a name that is not cached: from the
 * store to a leaf and a key that OpenSSL can use, for COUNT random names of gencerts' NAMES.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hostname.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/conf/conf.h"
#include "daemon/front/cred.h"
#include "daemon/front/credcache.h"
#include "daemon/common/status.h"
#include "store/store.h"

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct store *
open_store(const char *dir)
{
	char path[4096];
	struct problem why = {0};
	struct secret master = {0};
	struct store *store = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "%s/master.key", dir);
	file = fopen(path, "rb");
	if (!file || secret_alloc(&master, STORE_MASTER_KEY_LEN) ||
	    fread(master.data, 1, master.len, file) != master.len ||
	    store_open(dir, STORE_FRONT, &master, &store, &why)) {
		fprintf(stderr, "cold: cannot open the store: %s\n", why.detail);
		exit(1);
	}
	fclose(file);
	secret_done(&master);
	return store;
}

int
main(int argc, char **argv)
{
	static const struct conf conf = {.otherwise = {.unknown_sni = UNKNOWN_SNI_REJECT}};
	static struct status_slot slot;
	long names = argc > 3 ? atol(argv[2]) : 0, count = argc > 3 ? atol(argv[3]) : 0;
	double *took = calloc((size_t)count + 1, sizeof(*took));
	struct credcache *cache;
	struct cred_route route;
	struct store *store;

	if (names < 1 || count < 1 || !took)
		return 2;
	store = open_store(argv[1]);
	if (credcache_new(&(struct credcache_config){.conf = &conf,
	                                             .store = store,
	                                             .status = &slot,
	                                             .max_entries = 1,
	                                             .retry_ms = 1000},
	                  &cache))
		return 1;
	srandom(1);
	for (long i = 0; i < count; i++) {
		char text[64];
		struct hostname name;
		double at;

		snprintf(text, sizeof(text), "d%07ld.load.test", random() % names);
		at = now_us();
		if (hostname_parse_sni(text, strlen(text), &name) ||
		    credcache_lookup(cache, &name, &route)) {
			fprintf(stderr, "cold: %s is not there\n", text);
			return 1;
		}
		took[i] = now_us() - at;
		cred_unref(route.cred);
	}
	qsort(took, (size_t)count, sizeof(*took), by_value);
	printf("%.0f %.0f\n", took[count / 2], took[count * 99 / 100]);
	credcache_free(cache);
	store_close(store);
	free(took);
	return 0;
}
