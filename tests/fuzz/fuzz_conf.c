/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration reader: any bytes give a conf or one error with a place, never a crash.
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/conf/.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Files on the fuzzing machine are none of the input's business. */
static int
includes_something(const uint8_t *data, size_t size)
{
	return memmem(data, size, "include", 7) != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], error[CONF_ERROR_MAX + 1];
	const struct conf *conf = NULL;
	int fd = memfd_create("conf", MFD_CLOEXEC);

	if (fd < 0 || includes_something(data, size) || write(fd, data, size) != (ssize_t)size) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (conf_load(path, &conf, error) == ERR_OK) {
		assert(conf->listen_count > 0 && conf->workers > 0 && conf->master_key);
		conf_unref(conf);
	} else {
		assert(strncmp(error, path, strlen(path)) == 0);
	}
	close(fd);
	return 0;
}
