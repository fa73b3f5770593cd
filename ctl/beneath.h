/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/beneath.h - files below a folder that others may write to
 *
 * Symbolic links are followed only as long as they stay below the folder (openat2(2)); where the
 * kernel cannot promise that, none is followed. Nothing but regular files is ever read.
 */
#ifndef CTL_BENEATH_H
#define CTL_BENEATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "ctl/names.h"

/* PATH, relative to FOLDER; FOLDER AT_FDCWD: as the operator typed it, links and all. Appends to
 * OUT at most MOST bytes. On failure RET_WHY is a sentence's end, static. */
MUST_CHECK enum err beneath_read(int folder, const char *path, size_t most, struct buf *out,
                                 const char **ret_why);
/* A folder to be closed by the caller. */
MUST_CHECK enum err beneath_open_folder(int folder, const char *path, int *ret_fd,
                                        const char **ret_why);
/* What is in FOLDER, by name, but for what starts with a dot. */
MUST_CHECK enum err beneath_list(int folder, struct names *ret_names, const char **ret_why);

#endif
