#!/bin/bash
# Become PID 1 of a throw-away host: a real systemd on an overlay of this machine's root.
# host.py calls it inside fresh mount, pid, uts and ipc namespaces:
#   boot_host.sh STATE CGROUP LAYER [SOURCE:DESTINATION ...]
# STATE: folder for mount point and console. LAYER: files laid over the root. The rest: bind mounts, read-only.
set -euo pipefail
state=$1 cgroup=$2 layer=$3
if [[ -z ${MAGELLAN_HOST_STAGE:-} ]]; then
    echo 0 > "$cgroup/cgroup.procs"        # 0 is the writer: this process, not its parent outside
    MAGELLAN_HOST_STAGE=2 exec unshare --cgroup "$0" "$@"
fi
shift 3

mount --make-rprivate /
mount -t tmpfs -o mode=755,size=2g host "$state/root"
cd "$state/root"
mkdir upper work new
cp -a "$layer/." upper/
mount -t overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" overlay new
cd new
mount -t tmpfs -o mode=755,nosuid,nodev run run
mount -t tmpfs -o mode=1777,nosuid,nodev tmp tmp
mount -t tmpfs -o mode=755,nosuid dev dev
touch dev/console; mount --bind "$state/console" dev/console
for pair in "$@"; do
    mkdir -p ".${pair#*:}"
    mount --bind "${pair%%:*}" ".${pair#*:}"
    mount -o remount,bind,ro ".${pair#*:}"
done
mkdir -p .old; pivot_root . .old; cd /

mount -t proc -o nosuid,nodev,noexec proc /proc
for knob in sys sysrq-trigger irq bus fs acpi; do      # the machine's kernel is not ours to set
    [[ -e /proc/$knob ]] || continue
    mount --bind "/proc/$knob" "/proc/$knob"; mount -o remount,bind,ro "/proc/$knob"
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs /sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
while read -r name major minor; do mknod -m 666 "/dev/$name" c "$major" "$minor"; done \
    <<< $'null 1 3\nzero 1 5\nfull 1 7\nrandom 1 8\nurandom 1 9\ntty 5 0'
mkdir /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm /dev/shm
ln -s pts/ptmx /dev/ptmx; ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin; ln -s fd/1 /dev/stdout; ln -s fd/2 /dev/stderr

# Only what a service needs is started: the distribution's own wishes would touch the real machine.
for target in sysinit local-fs sockets multi-user timers basic graphical; do
    if [[ -d /lib/systemd/system/$target.target.wants ]]; then
        mount -t tmpfs none "/lib/systemd/system/$target.target.wants"
    fi
done
find /etc/systemd/system -mindepth 1 -maxdepth 1 ! -name 'magellan-*' ! -name multi-user.target.wants \
    -exec rm -rf {} +
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/systemd/system-generators
find /etc/systemd/system/multi-user.target.wants -mindepth 1 ! -name 'magellan-*' -delete
want() { mkdir -p "/etc/systemd/system/$1.wants"; ln -s "/lib/systemd/system/$2" "/etc/systemd/system/$1.wants/"; }
want sysinit.target systemd-journald.service
want sysinit.target systemd-tmpfiles-setup.service
want sockets.target systemd-journald.socket
want sockets.target systemd-journald-dev-log.socket
want sockets.target dbus.socket
ln -s /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
for generator in /lib/systemd/system-generators/*; do
    ln -sfn /dev/null "/etc/systemd/system-generators/${generator##*/}"
done
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nAudit=no\nReadKMsg=no\nForwardToSyslog=no\n' \
    > /etc/systemd/journald.conf.d/host.conf
echo magellan-host > /etc/hostname
mount --make-rshared /
umount -l /.old; rmdir /.old
exec env -i container=magellan LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
    setpriv --bounding-set="$MAGELLAN_HOST_DROP" /lib/systemd/systemd --system
