#!/usr/bin/env bash
# Put a release into service on an instance without logging in: SSM Run Command runs deploy.sh there.
#   deploy/deploy_over_ssm.sh INSTANCE_ID NAME s3://BUCKET/KEY.tar.gz [--now]
#   deploy/deploy_over_ssm.sh INSTANCE_ID --rollback [--now]
# Needs the AWS command line, ssm:SendCommand and ssm:GetCommandInvocation. Ends with the exit code of
# deploy.sh, or with 69 when it cannot be learnt: then look at the instance before sending it again.
set -euo pipefail
usage() { sed -n '2,6p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//' >&2; exit 64; }
if [[ ${1:-} == --help ]]; then (usage) 2>&1 || exit 0; fi
(( $# >= 2 )) || usage
instance=$1; shift
[[ $instance =~ ^(m)?i-[0-9a-f]+$ ]] || usage
root=/home/ec2-user/magellan
if [[ $1 == --rollback ]]; then
    command="$root/scripts/deploy.sh --rollback ${2:-}"
else
    (( $# >= 2 )) || usage
    [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ && $2 =~ ^s3://[A-Za-z0-9./_-]+$ ]] || usage
    command="aws s3 cp --quiet $2 /var/tmp/magellan-release.tar.gz && $root/scripts/deploy.sh $1 --from /var/tmp/magellan-release.tar.gz ${3:-}"
fi
[[ ${!#} == --now || $# -le 2 ]] || usage

# A deployment may wait for a quiet moment; the agent must begin and end in these times.
grace=300 limit=2700
faults=$(mktemp); trap 'rm -f "$faults"' EXIT
lost() { echo "deploy_over_ssm: $1: command $id on $instance may be running yet" >&2; exit 69; }
id=$(aws ssm send-command --instance-ids "$instance" --document-name AWS-RunShellScript --timeout-seconds "$grace" \
    --comment "Magellan: $1" --parameters "{\"commands\":[\"$command\"],\"executionTimeout\":[\"$limit\"]}" \
    --query Command.CommandId --output text)
echo "command $id"
ask() { aws ssm get-command-invocation --command-id "$id" --instance-id "$instance" --query "$1" --output text; }
status=Pending
while [[ $status == Pending || $status == InProgress || $status == Delayed ]]; do
    (( SECONDS <= ${MAGELLAN_SSM_LIMIT:-$((limit + grace))} )) || lost "no end within $SECONDS s"
    sleep "${MAGELLAN_POLL_SECONDS:-5}"
    if ! status=$(ask Status 2> "$faults"); then
        # A command is known a moment after it was sent; no other fault mends itself by asking.
        grep -q InvocationDoesNotExist "$faults" || lost "$(xargs -d '\n' < "$faults")"
        status=Pending
    fi
done
{ ask StandardOutputContent && ask StandardErrorContent >&2 && code=$(ask ResponseCode); } || lost "its outcome cannot be read"
echo "$status, exit code $code"
[[ $code =~ ^[0-9]+$ ]] || code=69
exit "$code"
