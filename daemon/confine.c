/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

/* ---- files ---------------------------------------------------------------------------------- */

enum { FS_ABI_MAX = 3, READS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR };

/* All rights over files that the kernel's version of Landlock knows: of 1, with REFER, with
 * TRUNCATE. */
static const unsigned long long fs_rights[FS_ABI_MAX] = {(1ULL << 13) - 1, (1ULL << 14) - 1,
                                                         (1ULL << 15) - 1};

/* CA certificates are looked up when a backend's is judged. */
static const char *const readable[] = {"/usr", "/etc/ssl", "/etc/pki"};

static bool
let_read(int rules, const char *path)
{
	struct landlock_path_beneath_attr beneath = {.allowed_access = READS};
	int rc;

	beneath.parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return true; /* what is not there needs no rule */
	rc = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
	close(beneath.parent_fd); /* that succeeds, and leaves errno alone */
	return rc == 0;
}

static bool
confine_files(void)
{
	struct landlock_ruleset_attr attr = {0};
	const char *more = getenv("SSL_CERT_DIR");
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	bool ok;
	int rules;

	if (abi < 1)
		return false;
	attr.handled_access_fs = fs_rights[(abi < FS_ABI_MAX ? abi : FS_ABI_MAX) - 1];
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return false;
	ok = !more || let_read(rules, more);
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		ok = ok && let_read(rules, readable[i]);
	ok = ok && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return ok;
}

/* ---- system calls --------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef OUR_ARCH
#define LOAD(f)               BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, f))
#define REFUSE                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define SKIP_UNLESS(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n)
#define NEVER(call)           SKIP_UNLESS(SYS_##call, 1), REFUSE
/* Of arguments the lower half is looked at: it comes first on both. */
#define NEVER_WITH(call, n, value)                                                                 \
	SKIP_UNLESS(SYS_##call, 4), LOAD(args[n]), SKIP_UNLESS(value, 1), REFUSE, LOAD(nr)
#define ONLY_WITH(call, n, value)                                                                  \
	SKIP_UNLESS(SYS_##call, 4), LOAD(args[n]), SKIP_UNLESS(value, 1), ALLOW, REFUSE

enum {
	OWN_PID = 4,   /* from the end */
	UNKNOWN = 452, /* fchmodat2, and what came after it: the same numbers on both */
};

static struct sock_filter rules[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0),
	REFUSE,
	LOAD(nr),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UNKNOWN, 0, 1), /* also those for x32 */
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	NEVER(socketpair), /* one of SOCK_DGRAM can be connected elsewhere */
	NEVER(listen),     /* the parent opens what it serves on */
	NEVER(execve),
	NEVER(execveat),
	NEVER(kill),
	NEVER(tkill),
	NEVER(rt_sigqueueinfo),
	NEVER(rt_tgsigqueueinfo),
	NEVER(pidfd_open),
	NEVER(pidfd_getfd),
	NEVER(pidfd_send_signal),
	NEVER(ptrace),
	NEVER(process_vm_readv),
	NEVER(process_vm_writev),
	NEVER(process_madvise),
	NEVER(kcmp),
	NEVER(io_uring_setup), /* does what is refused here without these calls */
	NEVER(bpf),
	NEVER(userfaultfd),
	NEVER(perf_event_open),
	NEVER(keyctl),
	NEVER(unshare),
	NEVER(setns),
	NEVER(clone), /* a worker has one thread */
	NEVER(clone3),
#ifdef __x86_64__
	NEVER(fork),
	NEVER(vfork),
	NEVER(chmod),
	NEVER(chown),
	NEVER(lchown),
#endif
	NEVER(fchmod), /* Landlock lets rights be changed */
	NEVER(fchmodat),
	NEVER(fchown),
	NEVER(fchownat),
	NEVER(setxattr),
	NEVER(lsetxattr),
	NEVER(fsetxattr),
	NEVER(truncate), /* and files be cut, before Linux 6.2 */
	NEVER_WITH(socket, 0, AF_UNIX),
	NEVER_WITH(fcntl, 1, F_SETOWN), /* whoever owns a descriptor gets signals */
	NEVER_WITH(fcntl, 1, F_SETOWN_EX),
	NEVER_WITH(fcntl, 1, F_SETSIG),
	NEVER_WITH(ioctl, 1, FIOSETOWN),
	NEVER_WITH(ioctl, 1, SIOCSPGRP),
	ONLY_WITH(prlimit64, 0, 0), /* its own limits */
	ONLY_WITH(tgkill, 0, 0),    /* abort() sends itself one */
	ALLOW,
};

static bool
confine_calls(void)
{
	const struct sock_fprog program = {.len = sizeof(rules) / sizeof(rules[0]),
	                                   .filter = rules};

	rules[program.len - OWN_PID].k = (uint32_t)getpid();
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
static bool
confine_calls(void)
{
	errno = ENOSYS; /* the filter is not written for this machine */
	return false;
}
#endif

bool
confine_worker(void)
{
	int no_files = confine_files() ? 0 : errno;
	int no_calls = confine_calls() ? 0 : errno;

	if (no_files)
		log_notice("this system does not let workers be kept from files (Landlock: %s)",
		           strerror(no_files));
	if (no_calls)
		log_notice("this system does not let workers be kept from other processes "
		           "(seccomp: %s)",
		           strerror(no_calls));
	return !no_files && !no_calls;
}
