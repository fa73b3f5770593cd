/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a reply: collected in the client's buffer, sent by control.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "daemon/control/control_inside.h"

enum { OUT_MAX = 8 * 1024 * 1024 };

static void
check_room(struct control_client *cl)
{
	if (cl->out.len <= OUT_MAX && buf_ok(&cl->out))
		return;
	log_warn("a control client does not read its replies: closing it");
	buf_reset(&cl->out);
	cl->closing = true;
}

void
reply_json(struct control_client *cl, cJSON *line)
{
	if (cl->fd >= 0 && (!line || json_print(line, &cl->out)))
		cl->closing = true;
	buf_add(&cl->out, "\n", 1);
	cJSON_Delete(line);
	check_room(cl);
}

void
reply_text(struct control_client *cl, const struct buf *text)
{
	if (!buf_ok(text))
		cl->closing = true;
	else
		buf_add(&cl->out, text->data, text->len);
	check_room(cl);
}

cJSON *
line_with(const char *member, cJSON **ret_object)
{
	cJSON *line = cJSON_CreateObject();

	*ret_object = cJSON_AddObjectToObject(line, member);
	if (*ret_object)
		return line;
	cJSON_Delete(line);
	return NULL;
}

void
reply_end(struct control_client *cl, enum msg_exit code)
{
	cJSON *end, *line = line_with("end", &end);

	cJSON_AddNumberToObject(end, "code", code);
	cl->busy = false;
	reply_json(cl, line);
}

void
reply_ok(struct control_client *cl)
{
	reply_end(cl, MSG_EXIT_OK);
}

void
reply_error(struct control_client *cl, enum msg_exit code, const char *word, const char *format,
            ...)
{
	cJSON *end, *error, *line = line_with("end", &end);
	char detail[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(detail, sizeof(detail), format, ap);
	va_end(ap);
	cJSON_AddNumberToObject(end, "code", code);
	error = cJSON_AddObjectToObject(end, "error");
	cJSON_AddStringToObject(error, "code", word);
	cJSON_AddStringToObject(error, "detail", detail);
	cl->busy = false;
	reply_json(cl, line);
}
