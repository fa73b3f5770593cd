/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stddef.h>

static const struct {
	const char *word;
	const char *text;
} errs[] = {
#define X(name, word, text) [ERR_##name] = {word, text},
	ERR_LIST(X)
#undef X
};

const char *
err_word(enum err err)
{
	return (size_t)err < sizeof(errs) / sizeof(errs[0]) ? errs[err].word : "unknown";
}

const char *
err_text(enum err err)
{
	return (size_t)err < sizeof(errs) / sizeof(errs[0]) ? errs[err].text : "unknown error";
}
