#!/usr/bin/env bash
# From an empty instance to three trading daemons: packages, user, release, settings, services.
#   sudo deploy/bootstrap.sh NAME ARCHIVE.tar.gz [--root LINK] [--user USER] [--telemetry]
# The instance's user data runs it out of the release; --telemetry also ships logs, sends alerts.
# Every step is logged with the seconds since the start. Running it again goes on where it ended.
set -euo pipefail

(( $# >= 2 )) || { sed -n '2,5p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//' >&2; exit 64; }
name=$1 archive=$(readlink -f "$2") root=/home/ec2-user/magellan user=ec2-user telemetry=""
shift 2
while (( $# )); do
    case $1 in
        --root) root=${2:?}; shift ;;
        --user) user=${2:?}; shift ;;
        --telemetry) telemetry=yes ;;
        *) echo "bootstrap: unknown argument $1" >&2; exit 64 ;;
    esac
    shift
done
[[ $EUID == 0 ]] || { echo "bootstrap: run it as root (sudo)" >&2; exit 64; }

began=$EPOCHREALTIME
step() { awk -v a="$began" -v b="$EPOCHREALTIME" -v what="$*" 'BEGIN { printf "[%7.1f s] %s\n", b - a, what }'; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

step "packages"
if ! command -v python3.12 > /dev/null; then
    dnf install -y --quiet python3.12
fi
# Sessions open and close by the clock: daemons start once it is set.
if [[ -f /usr/lib/systemd/system/chrony-wait.service ]]; then systemctl enable --now --quiet chrony-wait.service; fi
step "user $user"
id "$user" > /dev/null 2>&1 || useradd --create-home "$user"
step "release $name"
"$here/scripts/deploy.sh" "$name" --from "$archive" --root "$root" --user "$user" --now
step "settings and services"
status=0
"$root/scripts/install_services.sh" --root "$root" --user "$user" ${telemetry:+--telemetry} || status=$?
for unit in magellan-bear-trap magellan-daily-trend magellan-hourly-swing; do
    step "$unit: $(systemctl is-active "$unit"), $(systemctl show "$unit" -p StatusText --value)"
done
exit "$status"
