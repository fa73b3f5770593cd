/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/term.h"

#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#undef tone /* term.h makes a macro of it */

#include "tui/draw.h"

#define PASTES_MARKED   "\033[?2004h"
#define PASTES_UNMARKED "\033[?2004l"
#define MOUSE_OFF       "\033[?1000l\033[?1006l"
/* what comes at once, ncurses makes one of */
#define DOUBLES (BUTTON1_DOUBLE_CLICKED | BUTTON1_TRIPLE_CLICKED)
#define CLICKS  (BUTTON1_PRESSED | BUTTON1_CLICKED | DOUBLES)

enum {
	ESCAPE_MS = 25,
	RESTORE_MAX = 256,
	COPY_MAX = 1024,
	KEY_OF_PASTE = KEY_F(61), /* no keyboard has these */
	KEY_OF_PASTE_END = KEY_F(62)
};

static struct termios before;
static volatile sig_atomic_t asked_to_end, asked_to_stop, is_open;
static sigset_t open_mask;
static bool has_brackets; /* the terminal says what is pasted */
static MEVENT mouse_event;
static char restore[RESTORE_MAX]; /* what resets the terminal, made while nothing is wrong */
static size_t restore_len;

static void
on_end(int signal)
{
	asked_to_end = signal;
}

static void
on_stop(int signal)
{
	(void)signal;
	asked_to_stop = 1;
}

/* A crash: nothing of ncurses may be called, so what endwin() would do is written as it stands. */
static void
on_crash(int sig)
{
	if (is_open) {
		ssize_t n = write(STDOUT_FILENO, restore, restore_len);

		(void)n;
		tcsetattr(STDOUT_FILENO, TCSANOW, &before);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
add_restore(const char *text)
{
	if (!text || text == (char *)-1 || restore_len + strlen(text) >= RESTORE_MAX)
		return;
	memcpy(restore + restore_len, text, strlen(text));
	restore_len += strlen(text);
}

static void
catch_signals(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	struct sigaction end = {.sa_handler = on_end}, crash = {.sa_handler = on_crash};
	struct sigaction stop = {.sa_handler = on_stop}, old;
	sigset_t blocked;

	/* in the loop they come in ppoll() only, so none is missed before it */
	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaction(ends[i], &end, NULL);
		sigaddset(&blocked, ends[i]);
	}
	sigaddset(&blocked, SIGWINCH);
	/* without job control it is ignored, and stays so */
	if (sigaction(SIGTSTP, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
		sigaction(SIGTSTP, &stop, NULL);
		sigaddset(&blocked, SIGTSTP);
	}
	sigprocmask(SIG_BLOCK, &blocked, &open_mask);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &crash, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A terminal that can move its cursor. */
static bool
is_known(const char *type)
{
	int err;
	bool known;

	if (!type || !*type || strcmp(type, "dumb") == 0 ||
	    setupterm(type, STDOUT_FILENO, &err) != OK)
		return false;
	known = tigetstr("cup") != NULL;
	del_curterm(cur_term); /* initscr() makes its own */
	return known;
}

static bool
is_usable(void)
{
	const char *type = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		fprintf(stderr, "certd-console: this is no terminal; use certctl list\n");
	else if (!is_known(type) || tcgetattr(STDOUT_FILENO, &before) != 0)
		fprintf(stderr,
		        "certd-console: a terminal of type \"%s\" cannot be used; use certctl "
		        "list\n",
		        type ? type : "");
	else
		return true;
	return false;
}

/* What many terminals send, whatever their description says. */
static void
define_keys(void)
{
	static const struct {
		const char *sent;
		int key;
	} keys[] = {{"\033[1~", KEY_HOME}, {"\033[7~", KEY_HOME}, {"\033[H", KEY_HOME},
	            {"\033OH", KEY_HOME},  {"\033[4~", KEY_END},  {"\033[8~", KEY_END},
	            {"\033[F", KEY_END},   {"\033OF", KEY_END},   {"\033[A", KEY_UP},
	            {"\033[B", KEY_DOWN},  {"\033[C", KEY_RIGHT}, {"\033[D", KEY_LEFT}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		define_key(keys[i].sent, keys[i].key);
}

static void
write_now(const char *text)
{
	ssize_t n = write(STDOUT_FILENO, text, strlen(text));

	(void)n;
}

/* The terminal is asked to say what is pasted; those that would print the question are not. */
static void
mark_pastes(void)
{
	const char *type = getenv("TERM");

	has_brackets = type && strcmp(type, "linux") != 0 && strncmp(type, "vt", 2) != 0;
	if (!has_brackets)
		return;
	define_key("\033[200~", KEY_OF_PASTE);
	define_key("\033[201~", KEY_OF_PASTE_END);
	add_restore(PASTES_UNMARKED);
	write_now(PASTES_MARKED);
}

static void
take_mouse(void)
{
	mouseinterval(0);
	if (mousemask(CLICKS | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL))
		add_restore(MOUSE_OFF);
}

bool
term_open(bool ascii, bool mouse)
{
	if (!is_usable())
		return false;
	set_escdelay(ESCAPE_MS);
	if (!initscr())
		return false;
	is_open = 1;
	atexit(term_close);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	define_keys();
	nodelay(stdscr, TRUE);
	draw_init(ascii);
	mark_pastes();
	if (mouse)
		take_mouse();
	add_restore(tigetstr("sgr0"));
	add_restore(tigetstr("rmkx"));
	add_restore(tigetstr("cnorm"));
	add_restore(tigetstr("rmcup"));
	catch_signals();
	return true;
}

void
term_close(void)
{
	if (is_open && has_brackets)
		write_now(PASTES_UNMARKED);
	if (is_open)
		endwin();
	is_open = 0;
}

/* Its size may be another one by now: who is stopped hears of nothing. */
static void
take_size(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
}

void
term_rest(void)
{
	struct sigaction stop = {.sa_handler = on_stop};
	sigset_t stops;

	if (!asked_to_stop)
		return;
	asked_to_stop = 0;
	if (has_brackets)
		write_now(PASTES_UNMARKED);
	endwin();
	sigemptyset(&stops);
	sigaddset(&stops, SIGTSTP);
	signal(SIGTSTP, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &stops, NULL);
	raise(SIGTSTP);
	/* from here on somebody has said fg */
	sigprocmask(SIG_BLOCK, &stops, NULL);
	sigaction(SIGTSTP, &stop, NULL);
	take_size();
	term_redraw();
	refresh();
	if (has_brackets)
		write_now(PASTES_MARKED);
}

int
term_signal(void)
{
	return asked_to_end;
}

const sigset_t *
term_mask(void)
{
	return &open_mask;
}

/* The wheel turns by presses of buttons 4 and 5. */
static int
mouse_key(void)
{
	if (getmouse(&mouse_event) != OK)
		return TERM_OTHER;
	if (mouse_event.bstate & BUTTON4_PRESSED)
		return TERM_WHEEL_UP;
	if (mouse_event.bstate & BUTTON5_PRESSED)
		return TERM_WHEEL_DOWN;
	return mouse_event.bstate & CLICKS ? TERM_CLICK : TERM_OTHER;
}

bool
term_click(int *ret_row, int *ret_column)
{
	*ret_row = mouse_event.y;
	*ret_column = mouse_event.x;
	return mouse_event.bstate & DOUBLES;
}

/* RFC 4648, 4. */
static void
to_base64(const char *text, char dst[COPY_MAX])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text), to = 0;

	for (size_t at = 0; at < len && to + 4 < COPY_MAX; at += 3) {
		size_t have = len - at < 3 ? len - at : 3;
		uint32_t bits = 0;

		for (size_t i = 0; i < 3; i++)
			bits = bits << 8 | (i < have ? (unsigned char)text[at + i] : 0);
		for (size_t i = 0; i < 4; i++)
			dst[to++] = i <= have ? digits[bits >> (18 - 6 * i) & 0x3f] : '=';
	}
	dst[to] = '\0';
}

bool
term_copy(const char *text)
{
	char *can = tigetstr("Ms"), *sent, base64[COPY_MAX];

	if (!can || can == (char *)-1)
		return false;
	to_base64(text, base64);
	sent = tparm(can, "c", base64);
	if (sent)
		write_now(sent);
	return sent != NULL;
}

int
term_key(void)
{
	static const struct {
		int theirs, ours;
	} keys[] = {{KEY_UP, TERM_UP},          {KEY_DOWN, TERM_DOWN},
	            {KEY_LEFT, TERM_LEFT},      {KEY_RIGHT, TERM_RIGHT},
	            {KEY_PPAGE, TERM_PAGE_UP},  {KEY_NPAGE, TERM_PAGE_DOWN},
	            {KEY_HOME, TERM_HOME},      {KEY_END, TERM_END},
	            {KEY_ENTER, '\r'},          {KEY_BACKSPACE, 0x7f},
	            {KEY_DC, TERM_DELETE},      {KEY_RESIZE, TERM_RESIZE},
	            {KEY_OF_PASTE, TERM_PASTE}, {KEY_OF_PASTE_END, TERM_PASTE_END}};
	wint_t key;
	int kind = get_wch(&key);

	if (kind == ERR)
		return TERM_NONE;
	if (kind != KEY_CODE_YES)
		return key == '\n' ? '\r' : key == '\b' ? 0x7f : (int)key;
	if (key == KEY_MOUSE)
		return mouse_key();
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].theirs == (int)key)
			return keys[i].ours;
	return TERM_OTHER;
}

void
term_show(int row, int column)
{
	curs_set(row >= 0);
	if (row >= 0)
		move(row, column);
	refresh();
}

void
term_redraw(void)
{
	clearok(stdscr, TRUE);
}

bool
term_is_there(void)
{
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&fd, 1, 0) <= 0 || !(fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

int
term_rows(void)
{
	return LINES;
}

int
term_columns(void)
{
	return COLS;
}
