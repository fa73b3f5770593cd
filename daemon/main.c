/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certd - gets, renews and serves a certificate for every name it is told about
 *
 * The phases of its life: options, configuration, directories, master key, roles.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/conf.h"
#include "daemon/master.h"
#include "daemon/role.h"

static const char default_file[] = "/etc/certd/certd.conf";

static const char usage[] =
	"usage: certd [-c FILE] [--check] [--single]\n"
	"\n"
	"  certd -c /etc/certd/certd.conf          run in the foreground, logs on stderr\n"
	"  certd -c /etc/certd/certd.conf --check  say whether the file is valid, and leave\n"
	"\n"
	"  -c, --config FILE  the configuration (default /etc/certd/certd.conf)\n"
	"      --check        only check it: exit 0 when valid, 1 with file:line:col when not\n"
	"      --single       keeper and workers as threads of one process, for debuggers\n"
	"      --version      print the version\n"
	"      --help         print this\n";

struct options {
	const char *file;
	bool check;
	bool single;
};

/* The exit code when there is nothing more to do, -1 to go on. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	enum { CHECK = 256, SINGLE, VERSION, HELP };
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, CHECK},
		{"single", no_argument, NULL, SINGLE},    {"version", no_argument, NULL, VERSION},
		{"help", no_argument, NULL, HELP},        {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1)
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case CHECK:
			o->check = true;
			break;
		case SINGLE:
			o->single = true;
			break;
		case VERSION:
			puts("certd " CERTD_VERSION);
			return EXIT_SUCCESS;
		case HELP:
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			fputs(usage, stderr);
			return 2;
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

static int
run(const struct conf *conf, bool single)
{
	struct secret master = {0};
	struct problem why = {0};
	int code = EXIT_FAILURE;
	enum err err;

	if (!make_directories(conf))
		return code;
	err = master_load(conf, &master, &why);
	if (err)
		log_err("cannot start: %s", why.kind ? why.detail : err_text(err));
	else
		code = role_parent(
			&(struct role_config){.conf = conf, .master = &master, .single = single});
	secret_done(&master);
	return code;
}

int
main(int argc, char **argv)
{
	struct options o = {.file = default_file};
	char error[CONF_ERROR_MAX + 1];
	const struct conf *conf;
	int code = parse_options(argc, argv, &o);

	if (code >= 0)
		return code;
	if (conf_load(o.file, &conf, error)) {
		fprintf(stderr, "certd: %s\n", error);
		return EXIT_FAILURE;
	}
	log_init(conf->log_level, o.single ? "single" : "parent");
	if (o.check) {
		printf("%s: ok\n", o.file);
		code = EXIT_SUCCESS;
	} else {
		code = run(conf, o.single);
	}
	conf_unref(conf);
	return code;
}
