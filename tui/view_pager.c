/* SPDX-License-Identifier: Apache-2.0 */
/* The pager: the output of a command, or the help. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/msg.h"
#include "tui/child.h"
#include "tui/console.h"
#include "tui/sheet.h"
#include "tui/text.h"

enum { TAB_CELLS = 8 };

struct pager {
	struct sheet sheet;
	struct child child;
	enum view_kind help_of;
	bool is_help;
	char *text; /* NULL: none */
};

static void
pager_open(struct view *v)
{
	struct pager *p = v->state;

	child_init(&p->child);
	v->sheet = &p->sheet;
	p->sheet.is_shifted = true;
}

static void
pager_load(struct view *v)
{
	(void)v;
}

/* ---- the help ------------------------------------------------------------------------------- */

static void
add_help(struct pager *p, enum view_kind kind, int width)
{
	struct key_help help;

	for (size_t i = 0; keys_help(kind, i, &help); i++)
		sheet_field(&p->sheet, TONE_PLAIN, help.keys, help.help, width);
}

static void
add_signs(struct pager *p, int width)
{
	static const char *const of_names[][2] = {
		{"X", "expired"},
		{"!", "failing, or little of its certificate's life is left"},
		{"~", "in work"},
		{"-", "waits for its first certificate"},
		{"p", "paused: nothing is ordered"},
		{"e", "external: somebody else renews it"},
		{"m", "moved: it leads elsewhere, nothing is ordered"},
		{"r", "removed (/removed shows those)"},
		{".", "valid"},
		{"*", "marked"},
	};
	static const char *const of_events[][2] = {
		{"X", "critical"}, {"E", "error"}, {"!", "warning"}, {"a", "acknowledged"}};
	bool is_events = p->help_of == VIEW_EVENTS;
	size_t count = is_events ? sizeof(of_events) / sizeof(of_events[0])
	                         : sizeof(of_names) / sizeof(of_names[0]);
	const char *const(*signs)[2] = is_events ? of_events : of_names;

	sheet_add(&p->sheet, TONE_TITLE,
	          is_events ? " Signs before an event" : " Signs before a name");
	for (size_t i = 0; i < count; i++)
		sheet_field(&p->sheet, TONE_PLAIN, signs[i][0], signs[i][1], width);
}

static void
fill_help(struct pager *p, int width)
{
	sheet_add(&p->sheet, TONE_TITLE, " Keys");
	add_help(p, p->help_of, width);
	sheet_add(&p->sheet, TONE_PLAIN, "%s", "");
	add_signs(p, width);
	sheet_add(&p->sheet, TONE_PLAIN, "%s", "");
	sheet_add(&p->sheet, TONE_TITLE, " Why a name fails");
	sheet_field(
		&p->sheet, TONE_PLAIN, "",
		"Press 1, then / and type failing. Enter on a name shows under WHY what the CA "
		"said, under who who must act (customer: whose name it is), and under set what is "
		"to be put into its DNS. When that is done certd sees it and tries again.",
		width);
}

void
view_pager_help(struct view *v, enum view_kind kind)
{
	struct pager *p = v->state;

	p->is_help = true;
	p->help_of = kind;
}

void
view_pager_text(struct view *v, const char *text)
{
	struct pager *p = v->state;

	p->text = strdup(text);
}

/* ---- a command ------------------------------------------------------------------------------ */

bool
view_pager_run(struct view *v, const char *line)
{
	struct pager *p = v->state;

	if (child_start(&p->child, line, v->console->socket))
		return true;
	console_say(v->console, TONE_BAD, "%s",
	            errno == EINVAL ? "a quote has no end, or these are too many words"
	                            : strerror(errno));
	return false;
}

int
view_pager_fd(const struct view *v)
{
	const struct pager *p = v->state;

	return p->child.fd;
}

/* A tab goes to the next column that is a multiple of 8. */
static void
add_without_tabs(struct buf *out, const char *line)
{
	size_t column = 0;

	for (; *line; line++) {
		if (((unsigned char)*line & 0xc0) != 0x80)
			column++;
		buf_add(out, *line == '\t' ? " " : line, 1);
		for (; *line == '\t' && column % TAB_CELLS; column++)
			buf_add(out, " ", 1);
	}
}

/* Made safe here: it is shifted by characters, and a file that certctl shows is as it is. */
static void
on_line(void *owner, const char *line)
{
	struct buf out = {0};
	char *safe;

	add_without_tabs(&out, line);
	safe = buf_str(&out) ? text_safe(out.len ? buf_str(&out) : "", draw_is_ascii()) : NULL;
	if (safe)
		sheet_add_key(owner, TONE_PLAIN, NULL, safe);
	free(safe);
	buf_done(&out);
}

void
view_pager_step(struct view *v)
{
	struct pager *p = v->state;
	int status;

	if (p->child.fd < 0 || child_step(&p->child, on_line, &p->sheet))
		return;
	status = p->child.status;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		sheet_add(&p->sheet, TONE_BAD, "certctl cannot be found");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		sheet_add(&p->sheet, TONE_DIM, "(done)");
	else if (WIFEXITED(status))
		sheet_add(&p->sheet, TONE_WARN, "(exit code %d: %s)", WEXITSTATUS(status),
		          msg_exit_text((enum msg_exit)WEXITSTATUS(status)));
}

/* ---- the view ------------------------------------------------------------------------------- */

static void
pager_draw(struct view *v, struct area area)
{
	struct pager *p = v->state;

	if ((p->is_help || p->text) && v->width != area.width) {
		v->width = area.width;
		sheet_clear(&p->sheet);
		if (p->is_help)
			fill_help(p, area.width);
		else
			sheet_field(&p->sheet, TONE_PLAIN, "", p->text, area.width);
		sheet_settle(&p->sheet);
	}
	if (p->sheet.count == 0)
		draw_text(area.top, 1, area.width, TONE_DIM, "...");
	sheet_draw(&p->sheet, area);
}

static bool
pager_request(struct view *v, enum request request)
{
	struct pager *p = v->state;

	return sheet_request(&p->sheet, request);
}

static void
pager_done(struct view *v)
{
	struct pager *p = v->state;

	child_done(&p->child);
	sheet_done(&p->sheet);
	free(p->text);
}

const struct view_ops view_pager = {
	VIEW_PAGER,    "",   sizeof(struct pager), pager_open, pager_load, pager_draw,
	pager_request, NULL, pager_done,           NULL,       NULL};
