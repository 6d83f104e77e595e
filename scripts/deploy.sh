#!/usr/bin/env bash
# Put a release into service: build it beside the running one, check it, switch, restart one daemon at
# a time, watch each, and go back by itself if one does not trade.
#   sudo scripts/deploy.sh TAG [--repo DIR]            a tag of a git repository (default: this one)
#   sudo scripts/deploy.sh NAME --from ARCHIVE.tar.gz  an archive of the source
#   sudo scripts/deploy.sh --rollback                  back to the release before
# More: --root LINK (/home/ec2-user/magellan), --user NAME (the link's owner), --now (do not wait for a
#   quiet moment), --python FILE (python3.12), --wheels DIR (install without a network).
# Releases lie in LINK-releases, five are kept; state (/var/lib/magellan) and settings (/etc/magellan)
# are never touched. Exit codes: 0 in service, 1 rolled back, 64 arguments, 69 packages cannot be had,
# 71 no Python 3.12, 78 a release changed by hand, 79 a check was red.
set -euo pipefail
# Without it a fault inside $(...) is passed over.
shopt -s inherit_errexit

root=/home/ec2-user/magellan user="" name="" repo="" archive="" now="" rollback="" python=python3.12 wheels=""
keep=5 patience=${MAGELLAN_DEPLOY_PATIENCE:-90}
say() { echo "$(date +%T) $*"; }
fail() { echo "deploy: $2" >&2; exit "$1"; }
usage() { sed -n '2,12p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'; }
while (( $# )); do
    case $1 in
        --root) root=${2:?}; shift ;;
        --user) user=${2:?}; shift ;;
        --repo) repo=${2:?}; shift ;;
        --from) archive=$(readlink -f "${2:?}"); shift ;;
        --python) python=${2:?}; shift ;;
        --wheels) wheels=$(readlink -f "${2:?}"); shift ;;
        --now) now=yes ;;
        --rollback) rollback=yes ;;
        -h | --help) usage; exit 0 ;;
        -*) usage >&2; fail 64 "unknown argument $1" ;;
        *) [[ -z $name ]] || fail 64 "one release at a time: $name or $1?"; name=$1 ;;
    esac
    shift
done
[[ $EUID == 0 ]] || fail 64 "run it as root (sudo)"
[[ -n $rollback || $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || { usage >&2; fail 64 "name a release, e.g. v1.2.0"; }
releases=$root-releases
if [[ -z $user ]]; then
    there=$root; [[ -e $there ]] || there=${root%/*}
    user=$(stat -L -c %U "$there")
fi
as_user() { runuser -u "$user" -- "$@"; }
as_user mkdir -p "$releases/venvs"
exec 9> "$releases/.lock"; flock -n 9 || fail 64 "another deployment is under way"
strategies=(bear_trap daily_trend hourly_swing)
unit_of() { echo "magellan-${1//_/-}"; }
current=$(readlink -f "$root" 2> /dev/null || true)

# A virtual environment for each lock, shared by the releases that have it.
venv_for() {
    local lock id venv
    lock=$1/requirements.txt
    id=$({ "$python" --version && cat "$lock"; } | sha256sum | cut -c1-12) || fail 71 "$python does not run"
    venv=$releases/venvs/$id
    if [[ ! -e $venv/.complete ]]; then
        say "installing packages into $venv" >&2
        rm -rf "$venv"
        as_user "$python" -m venv "$venv" || fail 71 "$python makes no virtual environment in $venv"
        local source=(); [[ -z $wheels ]] || source=(--no-index --find-links "$wheels")
        as_user "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
            "${source[@]}" -r "$lock" || fail 69 "packages cannot be installed: mend what pip says above, then run this again"
        as_user touch "$venv/.complete"
    fi
    echo "$venv"
}

build() {
    local new=$releases/$name work=$releases/.building venv
    if [[ -e $new ]]; then
        (cd "$new" && sha256sum --quiet --check MANIFEST.sha256) || fail 78 "$new was changed by hand: remove it"
        say "$name is built already"; return
    fi
    rm -rf "$work"; as_user mkdir "$work"
    if [[ -n $archive ]]; then as_user tar -xzf - -C "$work" < "$archive"
    else
        # As its owner: git refuses a repository of somebody else.
        repo=${repo:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
        local git=(runuser -u "$(stat -c %U "$repo")" -- git -C "$repo")
        "${git[@]}" rev-parse -q --verify "$name^{commit}" > /dev/null ||
            fail 64 "$repo has no release $name: see which there are (git tag), fetch it, or give an archive (--from)"
        "${git[@]}" archive "$name" | as_user tar -xf - -C "$work"
    fi
    [[ -f $work/requirements.txt ]] || fail 64 "$name holds no Magellan (no requirements.txt)"
    venv=$(venv_for "$work")
    as_user ln -s "$venv" "$work/.venv"
    as_user "$work/.venv/bin/python" -m compileall -q "$work/magellan_core" "$work/deployable_strategies" "$work/scripts"
    (cd "$work" && find . -type f ! -name '*.pyc' ! -name MANIFEST.sha256 -print0 | sort -z | xargs -0 sha256sum) |
        as_user tee "$work/MANIFEST.sha256" > /dev/null
    mv -T "$work" "$new"
    say "built $new"
}

# The new release must accept all settings, and find everything in order for what is running.
check() {
    local new=$1 strategy config status=0 active=()
    for strategy in "${strategies[@]}"; do
        config=/etc/magellan/$strategy.json
        if systemctl is-active --quiet "$(unit_of "$strategy")"; then active+=(--strategy "$strategy")
        elif [[ -f $config ]]; then
            as_user "$new/.venv/bin/python" "$new"/deployable_strategies/"$strategy"*/aws_deployment/run_strategy.py \
                --check --config "$config" || status=79
        fi
    done
    (( ${#active[@]} == 0 )) ||
        as_user "$new/.venv/bin/python" "$new/scripts/preflight.py" --no-units --allow-halts "${active[@]}" || status=79
    return "$status"
}

# New York's session of that date as "OPEN CLOSE" in minutes of the day, nothing on a day without one: as
# the release knows it that goes into service.
session_on() {
    as_user "$target/.venv/bin/python" - "$target" "$1" << 'END'
import sys
from datetime import date
sys.path.insert(0, sys.argv[1])
from magellan_core.market_hours import new_york, session_on
session = session_on(date.fromisoformat(sys.argv[2]))
for at in session[1:] if session else ():
    print(new_york(at).hour * 60 + new_york(at).minute, end=" ")
END
}
# Away from decisions: bars close at full minutes, checks come at full hours, at the open and the close.
day="" instants=()
quiet() {
    local told today clock at
    told=$(TZ=America/New_York date '+%F %H%M%S') today=${told% *} clock=${told#* }
    local hour=$((10#${clock:0:2})) minute=$((10#${clock:2:2})) second=$((10#${clock:4:2}))
    if [[ $today != "$day" ]]; then
        # Of a release that cannot tell, every session may end early, or not.
        told=$(session_on "$today") || told="570 780 960"
        read -ra instants <<< "$told"; day=$today
    fi
    (( ${#instants[@]} )) || return 0
    (( second >= 10 && second < 40 && minute >= 2 && minute < 58 )) || return 1
    local now_at=$((hour * 60 + minute)) open=${instants[0]}
    (( now_at < open - 5 || now_at > open + 6 )) || return 1
    for at in "${instants[@]:1}"; do (( now_at < at - 10 || now_at > at + 10 )) || return 1; done
}
await_quiet() {
    [[ -n $now ]] && return
    until quiet; do sleep 1; done
}

switch() {
    ln -sfn "$1" "$root.next" && chown -h "$user" "$root.next" && mv -T "$root.next" "$root" &&
        "$1/scripts/install_services.sh" --root "$root" --user "$user" --no-start --no-check $(in_service) > /dev/null
}
in_service() {
    local strategy
    for strategy in "${strategies[@]}"; do
        [[ ! -f /etc/systemd/system/$(unit_of "$strategy").service ]] || echo "--strategy $strategy"
    done
    [[ ! -f /etc/systemd/system/magellan-logs.service ]] || echo "--telemetry"
}

# Restart and watch: READY, then a tick that could do its work, by the same process. One that is halted,
# with nothing left to look after, ends with 75 and has done what it should.
halted() {
    [[ $(systemctl show "$1" -p ExecMainStatus --value) == 75 ]] &&
        say "$1: halted and flat, it stays down until resumed"
}
restart() {
    local unit=$1 began=$SECONDS pid status
    systemctl reset-failed "$unit" 2> /dev/null || true
    systemctl restart "$unit" || { halted "$unit"; return; }
    pid=$(systemctl show "$unit" -p MainPID --value)
    while (( SECONDS - began < patience )); do
        status=$(systemctl show "$unit" -p StatusText --value)
        [[ $pid != 0 && $(systemctl show "$unit" -p MainPID --value) == "$pid" ]] || { halted "$unit"; return; }
        if [[ $status == trading* || $status == HALTED* ]]; then
            say "$unit: $status ($((SECONDS - began)) s)"; return 0
        fi
        sleep 0.2
    done
    say "$unit: no good tick within $patience s, last: $status"
    return 1
}

# Every unit, or, with --until-one-fails, no further than that; those that do not trade are in `bad`.
bad=()
restart_all() {
    local unit first=""
    bad=()
    if [[ ${1:-} == --until-one-fails ]]; then first=yes; shift; fi
    for unit in "$@"; do
        await_quiet
        restart "$unit" && continue
        say "$unit does not trade: $(journalctl -u "$unit" -n 3 -o cat --no-pager | tr '\n' '|')"
        bad+=("$unit")
        [[ -z $first ]] || break
    done
    (( ${#bad[@]} == 0 ))
}

running=()
for strategy in "${strategies[@]}"; do
    unit=$(unit_of "$strategy")
    ! systemctl is-active --quiet "$unit" || running+=("$unit")
done

if [[ -n $rollback ]]; then
    target=$(readlink -f "$releases/previous" 2> /dev/null || true)
    [[ -d $target && $target != "$current" ]] || fail 64 "there is no release to go back to"
else
    build
    target=$releases/$name
    check "$target" || fail 79 "$name is not put into service: mend what is red above"
    if [[ -d $root && ! -L $root ]]; then
        # The folder of a plain installation becomes the first release.
        mv -T "$root" "$releases/initial"; current=$releases/initial
    fi
fi
[[ $target != "$current" ]] || say "$target is in service already: restarting"
if switch "$target" && restart_all --until-one-fails "${running[@]}"; then
    [[ -z $current || $current == "$target" ]] || ln -sfn "$current" "$releases/previous"
    systemctl try-restart magellan-logs magellan-alerts 2> /dev/null || say "the telemetry units do not start"
else
    [[ -n $current && $current != "$target" ]] || fail 1 "$target does not trade, and there is no release before it"
    say "going back to ${current##*/}"
    # Whatever goes wrong on the way back, every daemon is given its chance.
    switch "$current" || say "the units of ${current##*/} are not installed"
    now=yes
    restart_all "${running[@]}" || fail 1 "${current##*/} does not trade either: ${bad[*]}: journalctl -u ${bad[0]}"
    fail 1 "${target##*/} was rolled back, ${current##*/} trades"
fi

# Keep the newest five, the one in service, the one before, and the environments they use.
kept=("$target" "$(readlink -f "$releases/previous" 2> /dev/null || true)")
mapfile -t built < <(find "$releases" -mindepth 1 -maxdepth 1 -type d ! -name venvs ! -name '.*' -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2-)
for path in "${built[@]:keep}"; do
    [[ " ${kept[*]} " == *" $path "* ]] || { rm -rf "$path"; say "removed ${path##*/}"; }
done
for venv in "$releases"/venvs/*/; do
    used=""
    for link in "$releases"/*/.venv; do [[ $(readlink -f "$link") != "$(readlink -f "$venv")" ]] || used=yes; done
    [[ -n $used ]] || { rm -rf "$venv"; say "removed ${venv%/}"; }
done
say "${target##*/} is in service (${#running[@]} daemons restarted)"
