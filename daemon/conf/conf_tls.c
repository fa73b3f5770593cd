/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "daemon/conf/conf_build.h"

#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

static const struct {
	const char *word;
	int version;
} protocols[] = {{"TLSv1.2", TLS1_2_VERSION}, {"TLSv1.3", TLS1_3_VERSION}};

static const char *
next_protocol(const void *unused, size_t at)
{
	(void)unused;
	return at < sizeof(protocols) / sizeof(protocols[0]) ? protocols[at].word : NULL;
}

bool
conf_take_protocols(const struct conf_walk *w, const struct conf_rule *rule,
                    const struct conf_statement *s, void *into)
{
	struct conf_tls *tls = &((struct conf_listen *)into)->tls;

	(void)rule;
	conf_tls_word(w, s);
	for (size_t i = 1; i < s->word_count; i++) {
		size_t at = 0;

		while (next_protocol(NULL, at) && strcmp(protocols[at].word, s->words[i].text) != 0)
			at++;
		if (!next_protocol(NULL, at))
			return conf_fail_unknown(w->cx, &s->words[i], "protocol", next_protocol,
			                         NULL);
		if (!tls->min_version || protocols[at].version < tls->min_version)
			tls->min_version = protocols[at].version;
		if (protocols[at].version > tls->max_version)
			tls->max_version = protocols[at].version;
	}
	return true;
}

/* Lists of OpenSSL's names. It ignores what it does not know as long as it knows one of them, and
 * knows words for whole classes, so each name is judged alone, and must be there afterwards. */

typedef bool knows(SSL_CTX *ctx, const char *name);

static bool
has_cipher(SSL_CTX *ctx, const char *name)
{
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);

	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);

		if (strcmp(SSL_CIPHER_get_name(c), name) == 0)
			return SSL_CIPHER_get_cipher_nid(c) != NID_undef &&
			       SSL_CIPHER_get_auth_nid(c) != NID_auth_null;
	}
	return false;
}

static bool
knows_cipher(SSL_CTX *ctx, const char *name)
{
	return SSL_CTX_set_ciphersuites(ctx, "") == 1 && SSL_CTX_set_cipher_list(ctx, name) == 1 &&
	       has_cipher(ctx, name);
}

static bool
knows_ciphersuite(SSL_CTX *ctx, const char *name)
{
	return SSL_CTX_set_ciphersuites(ctx, name) == 1 && strncmp(name, "TLS_", 4) == 0 &&
	       has_cipher(ctx, name);
}

static bool
knows_group(SSL_CTX *ctx, const char *name)
{
	return SSL_CTX_set1_groups_list(ctx, name) == 1;
}

static const struct list {
	const char *word, *what;
	knows *knows;
	size_t offset; /* in struct conf_tls */
} lists[] = {
	{"ciphers", "cipher of TLS 1.2", knows_cipher, offsetof(struct conf_tls, ciphers)},
	{"ciphersuites", "cipher suite of TLS 1.3", knows_ciphersuite,
         offsetof(struct conf_tls, ciphersuites)},
	{"groups", "group", knows_group, offsetof(struct conf_tls, groups)},
};

static bool
judge(const struct conf_walk *w, const struct conf_statement *s, const struct list *list,
      SSL_CTX *ctx)
{
	for (size_t i = 1; i < s->word_count; i++) {
		const struct conf_token *word = &s->words[i];

		if (word->text[strspn(word->text, NAME_BYTES)] || !list->knows(ctx, word->text))
			return conf_fail(w->cx, &word->at, "OpenSSL knows no %s \"%s\"", list->what,
			                 conf_show(w->cx, word->text));
		for (size_t k = 1; k < i; k++)
			if (strcmp(s->words[k].text, word->text) == 0)
				return conf_fail(w->cx, &word->at, "\"%s\" stands here twice",
				                 word->text);
	}
	return true;
}

static bool
join(const struct conf_walk *w, const struct conf_statement *s, const char **ret)
{
	size_t size = 0;
	char *joined;

	for (size_t i = 1; i < s->word_count; i++)
		size += strlen(s->words[i].text) + 1;
	if (!(joined = conf_alloc(w->cx, size)))
		return false;
	*ret = joined;
	for (size_t i = 1; i < s->word_count; i++) {
		joined = stpcpy(joined, s->words[i].text);
		*joined++ = ':';
	}
	joined[-1] = '\0';
	return true;
}

bool
conf_take_tls_list(const struct conf_walk *w, const struct conf_rule *rule,
                   const struct conf_statement *s, void *into)
{
	char *tls = (char *)&((struct conf_listen *)into)->tls;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	const struct list *list = lists;
	bool fine;

	conf_tls_word(w, s);
	while (strcmp(list->word, rule->word) != 0)
		list++;
	fine = ctx ? judge(w, s, list, ctx)
	           : conf_fail(w->cx, &s->words[0].at, "OpenSSL cannot be asked: no memory");
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return fine && join(w, s, (const char **)(void *)(tls + list->offset));
}

/* ALPN */

/* Whether the protocols noted so far have NAME. */
static bool
has_alpn(const unsigned char *alpn, size_t alpn_len, const char *name, size_t len)
{
	for (size_t at = 0; at < alpn_len; at += 1u + alpn[at])
		if (alpn[at] == len && memcmp(&alpn[at + 1], name, len) == 0)
			return true;
	return false;
}

bool
conf_alpn(const struct conf_walk *w, const struct conf_statement *s,
          unsigned char alpn[CONF_ALPN_MAX], size_t *alpn_len)
{
	*alpn_len = 0;
	for (size_t i = 1; i < s->word_count; i++) {
		const struct conf_token *word = &s->words[i];
		size_t len = strlen(word->text);

		if (!len || strcmp(word->text, "acme-tls/1") == 0)
			return conf_fail(w->cx, &word->at, "\"%s\" cannot be a backend's protocol",
			                 word->text);
		if (has_alpn(alpn, *alpn_len, word->text, len))
			return conf_fail(w->cx, &word->at, "\"%s\" stands here twice", word->text);
		if (len + 1 > CONF_ALPN_MAX - *alpn_len)
			return conf_fail(w->cx, &word->at, "more than %d bytes of protocol names",
			                 CONF_ALPN_MAX);
		alpn[*alpn_len] = (unsigned char)len;
		memcpy(&alpn[*alpn_len + 1], word->text, len);
		*alpn_len += len + 1;
	}
	return true;
}

bool
conf_take_listen_alpn(const struct conf_walk *w, const struct conf_rule *rule,
                      const struct conf_statement *s, void *into)
{
	struct conf_listen *listen = into;

	(void)rule;
	conf_tls_word(w, s);
	return conf_alpn(w, s, listen->alpn, &listen->alpn_len);
}
