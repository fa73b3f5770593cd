/* SPDX-License-Identifier: Apache-2.0 */
/* tls, tls-name, tls-ca, tls-verify: whom we believe to be a backend's server. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hostname.h"
#include "daemon/conf/conf_build.h"

enum { CA_FILE_MAX = 1024 * 1024 };

bool
conf_take_tls(const struct conf_walk *w, const struct conf_rule *rule,
              const struct conf_statement *s, void *into)
{
	(void)rule;
	w->build->ends_tls = &s->words[0];
	((struct conf_backend *)into)->tls.on = true;
	return true;
}

bool
conf_take_tls_name(const struct conf_walk *w, const struct conf_rule *rule,
                   const struct conf_statement *s, void *into)
{
	const struct conf_token *word = &s->words[1];
	struct hostname name;

	(void)rule;
	if (hostname_parse_sni(word->text, strlen(word->text), &name))
		return conf_fail(w->cx, &word->at, "\"%s\" is no host name",
		                 conf_show(w->cx, word->text));
	return (((struct conf_backend *)into)->tls.name = conf_strdup(w->cx, name.name)) != NULL;
}

bool
conf_take_tls_verify(const struct conf_walk *w, const struct conf_rule *rule,
                     const struct conf_statement *s, void *into)
{
	static const char *const words[] = {"on", "off", NULL};
	const char *text = s->words[1].text;

	(void)rule;
	((struct conf_backend *)into)->tls.unverified = strcmp(text, "off") == 0;
	if (strcmp(text, "off") == 0 || strcmp(text, "on") == 0)
		return true;
	return conf_fail_unknown(w->cx, &s->words[1], "choice", nearest_in_list, words);
}

static size_t
count_certs(const char *pem, size_t len)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	X509 *cert;
	size_t count = 0;

	while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		X509_free(cert);
		count++;
	}
	BIO_free(bio);
	ERR_clear_error();
	return count;
}

/* The text of FILE into BUF, which has CA_FILE_MAX + 1 bytes; 0: it cannot be read, or is longer.
 */
static size_t
read_file(const char *path, char *buf)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file)
		return 0;
	len = fread(buf, 1, CA_FILE_MAX + 1, file);
	fclose(file);
	return len <= CA_FILE_MAX ? len : 0;
}

/* The file is read now: a worker that is started later needs it no more. */
bool
conf_take_tls_ca(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	struct conf_backend_tls *tls = &((struct conf_backend *)into)->tls;
	const struct conf_token *word = &s->words[1];
	char *buf, *pem = NULL;
	size_t len;

	(void)rule;
	if (!conf_path(w->cx, word, CONF_PATH_MAX, &tls->ca_file))
		return false;
	if (access(tls->ca_file, R_OK) != 0)
		return conf_fail(w->cx, &word->at, "%s cannot be read: %s", tls->ca_file,
		                 strerror(errno));
	buf = malloc(CA_FILE_MAX + 1);
	if (!buf)
		return conf_fail(w->cx, &word->at, "out of memory");
	len = read_file(tls->ca_file, buf);
	if (count_certs(buf, len) == 0) {
		free(buf);
		return conf_fail(w->cx, &word->at,
		                 "%s has no certificate in PEM, or more than %d bytes",
		                 tls->ca_file, CA_FILE_MAX);
	}
	if ((pem = conf_alloc(w->cx, len + 1)))
		memcpy(pem, buf, len); /* a NUL follows: conf_alloc() gives zeros */
	free(buf);
	tls->ca_pem = pem;
	return pem != NULL;
}
