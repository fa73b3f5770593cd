/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front_user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/problem.h"
#include "daemon/conf/conf.h"
#include "store/store.h"

static const uint32_t needed = 1u << CAP_SETUID | 1u << CAP_SETGID;

static struct __user_cap_header_struct
own(void)
{
	return (struct __user_cap_header_struct){.version = _LINUX_CAPABILITY_VERSION_3};
}

bool
front_user_fits(const struct conf *conf, struct problem *why)
{
	struct __user_cap_data_struct have[2] = {{0}};
	struct __user_cap_header_struct head = own();

	if (!conf->front_user.name || conf->front_user.uid == geteuid())
		return true;
	if (syscall(SYS_capget, &head, have) == 0 && (have[0].effective & needed) == needed)
		return true;
	problem_set(why, PROBLEM_INTERNAL,
	            "front-user %s: certd may not change users: start it as root, or with "
	            "CAP_SETUID, CAP_SETGID and CAP_KILL (certd-security(7))",
	            conf->front_user.name);
	return false;
}

void
front_user_let_in(const struct conf *conf)
{
	struct problem why = {0};

	if (conf->front_user.name && store_share(conf->state_directory, conf->front_user.gid, &why))
		log_err("front-user %s cannot read the store: %s", conf->front_user.name,
		        why.detail);
}

static const uint32_t bind_ports = 1u << CAP_NET_BIND_SERVICE;

/* What root may do it may do in any case. In certd's unit capset() is refused, and there is nothing
 * to give up but the right to bind ports. */
static bool
keep_only(uint32_t wanted)
{
	struct __user_cap_data_struct caps[2] = {{0}};
	struct __user_cap_header_struct head = own();
	uint32_t have;

	if (geteuid() == 0)
		return true;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
	    syscall(SYS_capget, &head, caps) == 0) {
		have = caps[0].permitted;
		wanted &= have;
		caps[0] = (struct __user_cap_data_struct){.permitted = wanted, .effective = wanted};
		if (have == wanted || syscall(SYS_capset, &head, caps) == 0 || have == bind_ports)
			return true;
	}
	log_err("capabilities cannot be given up: %s", strerror(errno));
	return false;
}

bool
front_user_keeper(void)
{
	return keep_only(bind_ports);
}

bool
front_user_worker(const struct conf *conf)
{
	uid_t uid = conf->front_user.uid;
	gid_t gid = conf->front_user.gid;

	if (conf->front_user.name && uid != geteuid() &&
	    (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))) {
		log_err("cannot become the user %s: %s", conf->front_user.name, strerror(errno));
		return false;
	}
	return keep_only(0);
}
