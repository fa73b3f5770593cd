/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/source.h - where certificates may lie when certd comes to a machine
 *
 *   pem        a folder of files, or one file: leaf, chain and key of one certificate each
 *   certbot    /etc/letsencrypt: live/NAME/, or archive/NAME/ when there is no live
 *   acme.json  Traefik's, version 2 and 3, all resolvers
 *   caddy      its storage folder: certificates/CA/NAME/NAME.{crt,key}
 *
 * What cannot be read is complained about and counted; the rest goes on.
 */
#ifndef CTL_SOURCE_H
#define CTL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum source_kind { SOURCE_PEM, SOURCE_CERTBOT, SOURCE_ACME_JSON, SOURCE_CADDY, SOURCE_COUNT };

enum { SOURCE_FILE_MAX = 1024 * 1024, SOURCE_ACME_JSON_MAX = 64 * 1024 * 1024 };

struct source {
	const char *path; /* as typed */
	int folder;       /* it, open; -1: a file */
	/* One certificate; KEY is empty when CHAIN has it. False: stop. */
	bool (*take)(void *arg, const char *label, const struct buf *chain, const struct buf *key);
	void *arg;
	size_t failed;
};

MUST_CHECK enum err source_parse(const char *word, enum source_kind *ret_kind);
const char *source_word(enum source_kind kind); /* NULL behind the last */
/* False: nothing was read, complained. */
bool source_read(struct source *source, enum source_kind kind);

/* source_json.c */
bool source_acme_json(struct source *source);
/* Complains about LABEL and counts it. */
void source_fail(struct source *source, const char *label, const char *why);

#endif
