/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/confirm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 1024, ANSWER_MAX = 512 };

/* False: the terminal's end, or another word. */
static bool
reads(const char *word)
{
	char answer[ANSWER_MAX];
	size_t len;

	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	len = strcspn(answer, "\r\n");
	while (len > 0 && answer[len - 1] == ' ')
		len--;
	return len == strlen(word) && memcmp(answer, word, len) == 0;
}

bool
confirmed(const struct ctl *ctl, const char *word, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if (option_is_given(&ctl->options, OPTION_YES) || !isatty(STDIN_FILENO) ||
	    !isatty(STDERR_FILENO))
		return true;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	complain(NULL, "%s", text);
	complain(NULL, "type \"%s\" to do it (--yes does not ask)", word);
	if (reads(word))
		return true;
	complain(NULL, "nothing was done");
	return false;
}
