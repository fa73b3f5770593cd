#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packaging/tests/boot.sh SCRIPT PATH... - run packaging/tests/inside/SCRIPT under a real systemd
#
# Boots a container made of this machine's own files (/usr below an overlay, a copy of /etc), without
# a network. The PATHs are there as /test/certd.deb and so on, under their own last names. Exit status
# 77, with the reason: this machine cannot.
set -u
here=$(cd "$(dirname "$0")" && pwd)
script=$1
shift
skip() {
	echo "boot.sh: skipped: $*"
	exit 77
}
for program in systemd-nspawn pebble pebble-challtestsrv; do
	command -v $program >/dev/null || skip "no $program here"
done
[ "$(id -u)" -eq 0 ] || skip 'only root can boot a container'

work=$(mktemp -d /tmp/certd-boot-XXXXXX) || exit 1
root=$work/root
clean_up() {
	umount "$root/usr" "$work/over" 2>/dev/null
	findmnt -rno TARGET | grep -q "^$work" || rm -rf "$work"
}
trap clean_up EXIT
mkdir -p "$work/over" "$work/test" "$root"/{usr,var/lib/apt/lists/partial,var/log,var/cache/apt/archives/partial} \
	"$root"/{root,tmp,run,proc,sys,dev,test}
mount -t tmpfs none "$work/over" && mkdir "$work/over/up" "$work/over/work" &&
	mount -t overlay -o "lowerdir=/usr,upperdir=$work/over/up,workdir=$work/over/work" none "$root/usr" ||
	skip 'no overlay can be mounted here'
for link in bin sbin lib lib64; do
	[ ! -L /$link ] || ln -s usr/$link "$root/$link"
done
cp -a /etc "$root/etc"
cp -a /var/lib/dpkg "$root/var/lib/"
# nothing of this machine's own runs there, and nothing is left of what it may have installed
find "$root"/etc/systemd/system/*.wants -type l -delete
rm -rf "$root"/usr/sbin/policy-rc.d "$root"/etc/init.d/* "$root"/etc/rc?.d "$root/etc/resolv.conf" \
	"$root"/etc/{certd,letsencrypt}
: >"$root/etc/machine-id"
cat >"$root/etc/systemd/system/certd-test.service" <<END
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/bash -c '/bin/bash /test/$script >/test/out 2>&1; echo \$? >/test/status; systemctl poweroff -f'
END
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../certd-test.service "$root/etc/systemd/system/multi-user.target.wants/"
cp "$here"/inside/* "$here/load.py" "$work/test/"
[ $# -eq 0 ] || cp -r "$@" "$work/test/" || exit 1

# what workers confine themselves with is not in nspawn's list
timeout 900 systemd-nspawn -q --boot --directory "$root" --bind "$work/test:/test" --private-network \
	--system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' \
	--register=no --keep-unit --machine "certd-boot-$$" >"$work/console" 2>&1 </dev/null
[ -e "$work/test/out" ] || skip "no container boots here: $(tail -n 1 "$work/console")"
cat "$work/test/out"
status=$(cat "$work/test/status" 2>/dev/null || echo 1)
exit "$status"
