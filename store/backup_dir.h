/* SPDX-License-Identifier: Apache-2.0 */
/* store/backup_dir.h - (inside store/) what backup, restore and upgrade share */
#ifndef STORE_BACKUP_DIR_H
#define STORE_BACKUP_DIR_H

#include <limits.h>

#include "base/err.h"

struct dir;
struct problem;

#define backup_mark  "complete"  /* in a backup: written last */
#define restore_mark "restoring" /* in a state directory: removed last */

MUST_CHECK enum err backup_path(char path[PATH_MAX], const char *dir, const char *word,
                                struct problem *why);
/* The sentence for errno; ERR_FULL or ERR. */
enum err backup_say(enum err err, struct problem *why, const char *path, const char *what);
/* Makes or opens an empty directory of ours. */
MUST_CHECK enum err backup_make_dir(const char *path, struct dir *ret_dir, struct problem *why);
MUST_CHECK enum err backup_complete(const struct dir *dir, struct problem *why);
/* What a backup in DIR consists of, whole or not. */
void backup_remove(const char *dir);

#endif
