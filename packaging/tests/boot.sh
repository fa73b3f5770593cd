#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packaging/tests/boot.sh certd.deb [previous.deb] - the life of the package under a real systemd
#
# Without a previous package the same one is installed first, with a lower version. Boots a container made of this machine's own files (/usr below an overlay, a copy of /etc), without
# a network, and runs boot_inside.sh there. Exit status 77: this machine cannot.
set -u
here=$(cd "$(dirname "$0")" && pwd)
deb=$(realpath "$1") || exit 1
for program in systemd-nspawn pebble pebble-challtestsrv; do
	command -v $program >/dev/null || { echo "boot.sh: skipped: no $program here"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo 'boot.sh: skipped: only root can boot a container'; exit 77; }

work=$(mktemp -d /tmp/certd-boot-XXXXXX) || exit 1
root=$work/root
clean_up() {
	umount "$root/usr" "$work/over" 2>/dev/null
	findmnt -rno TARGET | grep -q "^$work" || rm -rf "$work"
}
trap clean_up EXIT
mkdir -p "$work/over" "$work/test" "$root"/{usr,var/lib,var/log,var/cache,root,tmp,run,proc,sys,dev,test}
mount -t tmpfs none "$work/over" && mkdir "$work/over/up" "$work/over/work" &&
	mount -t overlay -o "lowerdir=/usr,upperdir=$work/over/up,workdir=$work/over/work" none "$root/usr" ||
	{ echo 'boot.sh: skipped: no overlay can be mounted here'; exit 77; }
for link in bin sbin lib lib64; do
	[ ! -L /$link ] || ln -s usr/$link "$root/$link"
done
cp -a /etc "$root/etc"
cp -a /var/lib/dpkg "$root/var/lib/"
# nothing of this machine's own runs there
find "$root"/etc/systemd/system/*.wants -type l -delete
rm -rf "$root"/usr/sbin/policy-rc.d "$root"/etc/init.d/* "$root"/etc/rc?.d "$root/etc/resolv.conf"
: >"$root/etc/machine-id"
cat >"$root/etc/systemd/system/certd-test.service" <<'END'
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/bash -c '/bin/bash /test/boot_inside.sh >/test/out 2>&1; echo $? >/test/status; systemctl poweroff -f'
END
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../certd-test.service "$root/etc/systemd/system/multi-user.target.wants/"
cp "$here/boot_inside.sh" "$here/load.py" "$work/test/"
cp "$deb" "$work/test/certd.deb"
if [ -n "${2-}" ]; then
	cp "$2" "$work/test/previous.deb"
else
	dpkg-deb -R "$deb" "$work/previous" && sed -i 's/^Version: .*/&~previous/' "$work/previous/DEBIAN/control" &&
		dpkg-deb -b "$work/previous" "$work/test/previous.deb" >/dev/null || exit 1
fi

# what workers confine themselves with is not in nspawn's list
timeout 300 systemd-nspawn -q --boot --directory "$root" --bind "$work/test:/test" --private-network \
	--system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' \
	--register=no --keep-unit --machine "certd-boot-$$" >"$work/console" 2>&1 </dev/null
if [ ! -e "$work/test/out" ]; then
	echo "boot.sh: skipped: no container boots here: $(tail -n 1 "$work/console")"
	exit 77
fi
cat "$work/test/out"
[ "$(cat "$work/test/status" 2>/dev/null)" = 0 ]
