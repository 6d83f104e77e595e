#!/usr/bin/env bash
# Install the three daemons as services: units, settings, checks, then enable and start.
#   sudo scripts/install_services.sh [--root DIR] [--user NAME] [--strategy NAME]... [--no-start]
#        [--telemetry]                                 also the units that ship logs and send alerts
#   sudo scripts/install_services.sh --uninstall      settings and state are kept; with --strategy that one
#                                                     only, and what ships logs and sends alerts stays too
#   scripts/install_services.sh --dry-run ...         say what would be done
# DIR (default: the folder that this script is in) may be a symbolic link to a release. NAME must be
# able to read it (default: its owner). Running it again changes only what differs.
# Exit codes: 0 done, 64 wrong arguments, 66/78 config, 71 no Python 3.12, 79 a check is red: what is
# red is installed, but neither enabled nor started. --no-check leaves the preflight check out.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$here user="" dry="" uninstall="" start=yes check=yes wanted=() telemetry=()
etc=/etc/magellan system=/etc/systemd/system

fail() { echo "install_services: $2" >&2; exit "$1"; }
usage() { sed -n '2,11p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'; }
while (( $# )); do
    case $1 in
        --root) root=${2:?--root needs a folder}; shift ;;
        --user) user=${2:?--user needs a name}; shift ;;
        --strategy) wanted+=("${2:?--strategy needs a name}"); shift ;;
        --dry-run) dry=yes ;;
        --uninstall) uninstall=yes ;;
        --no-start) start="" ;;
        --telemetry) telemetry=(magellan-logs magellan-alerts) ;;
        --no-check) check="" ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; fail 64 "unknown argument $1" ;;
    esac
    shift
done

declare -A folder=([bear_trap]=bear_trap [daily_trend]=daily_trend_hysteresis [hourly_swing]=hourly_swing)
(( ${#wanted[@]} )) || wanted=(bear_trap daily_trend hourly_swing)
for name in "${wanted[@]}"; do
    [[ -n ${folder[$name]:-} ]] || fail 64 "--strategy $name: there is ${!folder[*]}"
done
unit_of() { echo "magellan-${1//_/-}"; }

[[ $root == /* && $root != *[[:space:]\&\|\\%]* ]] || fail 64 "--root $root: give an absolute path without blanks, & | \\ %"
[[ -n $dry || $EUID == 0 ]] || fail 64 "run it as root (sudo)"

changed=()
act() { if [[ -n $dry ]]; then echo "would: $*"; else "$@"; fi; }
# put TEXT FILE MODE: write the file if it differs; true if it did.
put() {
    if [[ -f $2 && "$(< "$2")" == "$1" ]]; then return 1; fi
    if [[ -n $dry ]]; then echo "would: write $2"; return 0; fi
    install -m "$3" /dev/stdin "$2" <<< "$1"
    echo "wrote $2"
}

if [[ -n $uninstall ]]; then
    for name in "${wanted[@]}"; do
        unit=$(unit_of "$name")
        [[ -f $system/$unit.service ]] || continue
        act systemctl disable --now "$unit"
        act rm -f "$system/$unit.service"
        [[ -n $dry ]] || echo "removed $unit"
    done
    # What serves all of them goes with the last one.
    left=()
    for name in "${!folder[@]}"; do
        [[ ! -f $system/$(unit_of "$name").service || " ${wanted[*]} " == *" $name "* ]] || left+=("$(unit_of "$name")")
    done
    if (( ${#left[@]} )); then echo "kept for ${left[*]}: what ships logs and sends alerts"
    else
        for unit in magellan-logs magellan-alerts; do
            [[ ! -f $system/$unit.service ]] || { act systemctl disable --now "$unit"; act rm -f "$system/$unit.service"; }
        done
        act rm -f "$system/magellan-alert@.service"
    fi
    act systemctl daemon-reload
    echo "kept: $etc and /var/lib/magellan"
    exit 0
fi

[[ -d $root/deployable_strategies ]] || fail 64 "--root $root: Magellan is not there"
user=${user:-$(stat -L -c %U "$root")}
id "$user" > /dev/null 2>&1 || fail 64 "--user $user: no such user"
as_user() { runuser -u "$user" -- "$@"; }
[[ -n $dry ]] && as_user() { if [[ $EUID == 0 ]]; then runuser -u "$user" -- "$@"; else "$@"; fi; }

# Python, virtual environment and code must be there and readable for the user.
python=$root/.venv/bin/python
as_user "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2> /dev/null ||
    fail 71 "$python is no Python 3.12 that $user can run: cd $root && python3.12 -m venv .venv"
as_user "$python" -c 'import alpaca, boto3, pydantic, rich' ||
    fail 71 "packages are missing: $python -m pip install --require-hashes -r $root/requirements.txt"
# The units mount the code read-only: what is compiled now need not be at each start.
[[ -n $dry ]] || as_user "$python" -m compileall -q "$root"/{magellan_core,deployable_strategies,scripts} ||
    echo "install_services: $user cannot write compiled code: each start compiles anew" >&2

# Settings: the operator's from the first time on.
[[ -d $etc ]] || act install -d -m 0755 "$etc"
for name in "${wanted[@]}"; do
    if [[ -e $etc/$name.json ]]; then
        echo "kept $etc/$name.json"
    else
        put "$(< "$root/deployable_strategies/${folder[$name]}/aws_deployment/config.json")" "$etc/$name.json" 0644 || true
    fi
done

# Units, for this folder and user.
rendered=$(mktemp -d); trap 'rm -rf "$rendered"' EXIT
sources=("$root/deploy/magellan-alert@.service")
for name in "${wanted[@]}"; do
    sources+=("$root/deployable_strategies/${folder[$name]}/aws_deployment/$(unit_of "$name").service")
done
for unit in "${telemetry[@]}"; do sources+=("$root/deploy/$unit.service"); done
for source in "${sources[@]}"; do
    sed -e "s|/home/ec2-user/magellan|$root|g" -e "s|^User=ec2-user\$|User=$user|" "$source" > "$rendered/${source##*/}"
done
complaints=$(systemd-analyze verify --man=no "$rendered"/*[!@].service 2>&1) || true
[[ -z $complaints ]] || fail 78 "the units do not verify: $complaints"
for file in "$rendered"/*; do
    if put "$(< "$file")" "$system/${file##*/}" 0644; then changed+=("${file##*/}"); fi
done
(( ${#changed[@]} == 0 )) || act systemctl daemon-reload

red="" status=0
if [[ -n $check ]]; then
    red=$(as_user "$python" "$root/scripts/preflight.py" --no-units "${wanted[@]/#/--strategy=}" --name-red) || status=$?
    # Without an answer, or with a fault of the machine itself, nothing is started.
    [[ $status -eq 0 || $status -eq 79 ]] || red=host
    [[ " $red " != *" host "* ]] || red="${wanted[*]}"
fi
for name in "${wanted[@]}"; do
    unit=$(unit_of "$name")
    [[ -n $start && " $red " != *" $name "* ]] || continue
    systemctl is-enabled --quiet "$unit" 2> /dev/null || act systemctl enable --quiet "$unit"
    if [[ " ${changed[*]} " == *" $unit.service "* ]]; then act systemctl restart "$unit"
    elif ! systemctl is-active --quiet "$unit"; then act systemctl start "$unit"; fi
    [[ -n $dry ]] || echo "$unit is $(systemctl is-active "$unit"): $(systemctl show "$unit" -p StatusText --value)"
done
if [[ -n $start ]]; then
    for unit in "${telemetry[@]}"; do
        systemctl is-enabled --quiet "$unit" 2> /dev/null || act systemctl enable --quiet "$unit"
        act systemctl restart "$unit" || echo "$unit does not start: journalctl -u $unit" >&2
    done
fi
[[ -z $red ]] || fail 79 "not started: $red: mend what is red above, then run this again"
