/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certd - gets, renews and serves a certificate for every name it is told about
 *
 * The phases of its life: options, configuration, directories, master key, roles.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/conf/conf.h"
#include "daemon/front/descriptors.h"
#include "daemon/front_user.h"
#include "daemon/inherit.h"
#include "daemon/master.h"
#include "daemon/offline.h"
#include "daemon/role.h"

static const char default_file[] = "/etc/certd/certd.conf";

static const char usage[] =
	"usage: certd [-c FILE] [--check | --single | --key-init | --db-...]\n"
	"\n"
	"  certd -c /etc/certd/certd.conf          run in the foreground, logs on stderr\n"
	"  certd -c /etc/certd/certd.conf --check  say whether the file is valid, and leave\n"
	"\n"
	"  -c, --config FILE     the configuration (default /etc/certd/certd.conf)\n"
	"      --check           only check it: exit 0 when valid, 1 with file:line:col when not\n"
	"      --single          keeper and workers as threads of one process, for debuggers\n"
	"      --key-init[=FILE] make a master key, in FILE or where `master-key` says\n"
	"      --db-restore DIR  copy the backup DIR into the state directory, which has no store\n"
	"      --db-compact      write the store anew without its free pages; certd is stopped\n"
	"      --db-check        read the whole store and list what is damaged\n"
	"      --version         print the version\n"
	"      --help            print this\n";

enum action { RUN, CHECK, KEY_INIT, DB_RESTORE, DB_COMPACT, DB_CHECK };

struct options {
	const char *file;
	enum action action;
	const char *path; /* of the action, NULL: none */
	int key_fd;       /* DB_CHECK for the keeper, else -1 */
	bool single;
	struct inherited *inherited;
	char **argv; /* with a path that stays true */
};

static const struct option longs[] = {
	{"config", required_argument, NULL, 'c'},
	{"single", no_argument, NULL, 's'},
	{"key-fd", required_argument, NULL, 'k'},
	{"version", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{"check", no_argument, NULL, 256 + CHECK},
	{"key-init", optional_argument, NULL, 256 + KEY_INIT},
	{"db-restore", required_argument, NULL, 256 + DB_RESTORE},
	{"db-compact", no_argument, NULL, 256 + DB_COMPACT},
	{"db-check", optional_argument, NULL, 256 + DB_CHECK},
	{NULL, 0, NULL, 0},
};

/* The exit code when there is nothing more to do, -1 to go on. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1)
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 's':
			o->single = true;
			break;
		case 'k':
			o->key_fd = atoi(optarg);
			break;
		case 'v':
			puts("certd " CERTD_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case '?':
			fputs(usage, stderr);
			return 2;
		default:
			o->action = (enum action)(c - 256);
			o->path = optarg;
		}
	if (optind == argc)
		return -1;
	fprintf(stderr, "certd: what is \"%s\"?\n%s", argv[optind], usage);
	return 2;
}

/* The state directory and the control socket's are ours to make, one level, closed to others. */
static bool
make_directory(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return true;
	log_err("cannot make the directory %s: %s", path, strerror(errno));
	return false;
}

static bool
make_directories(const struct conf *conf)
{
	char *socket_dir = strdup(conf->control_socket), *slash;
	bool ok;

	if (!socket_dir)
		return false;
	slash = strrchr(socket_dir, '/');
	if (slash && slash != socket_dir)
		*slash = '\0';
	ok = make_directory(conf->state_directory, 0700) && make_directory(socket_dir, 0755);
	free(socket_dir);
	return ok;
}

/* What has the master key in its memory leaves no copy of that when it crashes. */
static void
leave_no_core(void)
{
	static const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* it traces itself at the end */
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int
run(const struct conf *conf, const struct options *o)
{
	struct secret master = {0};
	struct problem why = {0};
	char text[CONF_ERROR_MAX + 1];
	int code = EXIT_FAILURE;
	enum err err;

	descriptors_lift();
	if (!inherit_fits(o->inherited, conf, text, sizeof(text))) {
		log_err("not taking over: %s", text);
		inherit_refuse(o->inherited, text);
		return code;
	}
	if (!make_directories(conf))
		return code;
	err = front_user_fits(conf, &why) ? master_load(conf, &master, &why) : ERR_PERM;
	if (err) {
		log_err("cannot start: %s", why.kind ? why.detail : err_text(err));
		inherit_refuse(o->inherited, why.kind ? why.detail : err_text(err));
	} else {
		code = role_parent(&(struct role_config){.conf = conf,
		                                         .master = &master,
		                                         .single = o->single,
		                                         .inherited = o->inherited,
		                                         .argv = o->argv});
	}
	secret_done(&master);
	return code;
}

static int
act(const struct conf *conf, const struct options *o)
{
	switch (o->action) {
	case CHECK:
		printf("%s: ok\n", o->file);
		return EXIT_SUCCESS;
	case KEY_INIT:
		return offline_key_init(conf, o->path);
	case DB_RESTORE:
		return offline_restore(conf, o->path);
	case DB_COMPACT:
		return offline_compact(conf);
	case DB_CHECK:
		return offline_check(conf);
	default:
		return run(conf, o);
	}
}

/* An upgrade starts what is found under this name then: relative to where we are now, not to where
 * we may be. */
static char *
find_ourselves(char *name)
{
	char here[PATH_MAX];
	char *path;

	if (name[0] == '/' || !strchr(name, '/') || !getcwd(here, sizeof(here)) ||
	    asprintf(&path, "%s/%s", here, name) < 0)
		return name;
	return path;
}

int
main(int argc, char **argv)
{
	struct inherited inherited;
	struct options o = {.file = default_file, .key_fd = -1, .inherited = &inherited};
	char error[CONF_ERROR_MAX + 1];
	const struct conf *conf;
	int code = parse_options(argc, argv, &o);

	if (code >= 0)
		return code;
	if (o.action == DB_CHECK && o.path && o.key_fd >= 0)
		return offline_check_child(o.path, o.key_fd);
	if (o.action == KEY_INIT && o.path)
		return offline_key_init(NULL, o.path);
	if (!o.single) /* that one is for debuggers */
		leave_no_core();
	o.argv = argv;
	argv[0] = find_ourselves(argv[0]);
	if (inherit_take(&inherited))
		fprintf(stderr, "certd: what CERTD_UPGRADE says is not understood\n");
	if (conf_load(o.file, &conf, error)) {
		fprintf(stderr, "certd: %s\n", error);
		inherit_refuse(&inherited, error);
		return EXIT_FAILURE;
	}
	log_init(conf->log_level, o.single ? "single" : "parent");
	code = act(conf, &o);
	conf_unref(conf);
	inherit_done(&inherited);
	return code;
}
