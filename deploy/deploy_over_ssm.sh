#!/usr/bin/env bash
# Put a release into service on an instance without logging in: SSM Run Command runs deploy.sh there.
#   deploy/deploy_over_ssm.sh INSTANCE_ID NAME s3://BUCKET/KEY.tar.gz [--now]
#   deploy/deploy_over_ssm.sh INSTANCE_ID --rollback [--now]
# Needs the AWS command line and ssm:SendCommand. Ends with the exit code of deploy.sh.
set -euo pipefail
usage() { sed -n '2,5p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//' >&2; exit 64; }
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

# A deployment may wait for a quiet moment: up to a quarter of an hour.
id=$(aws ssm send-command --instance-ids "$instance" --document-name AWS-RunShellScript \
    --comment "Magellan: $1" --parameters "{\"commands\":[\"$command\"],\"executionTimeout\":[\"2700\"]}" \
    --query Command.CommandId --output text)
echo "command $id"
while :; do
    status=$(aws ssm get-command-invocation --command-id "$id" --instance-id "$instance" --query Status --output text 2> /dev/null || echo Pending)
    case $status in Pending | InProgress | Delayed) sleep "${MAGELLAN_POLL_SECONDS:-5}" ;; *) break ;; esac
done
ask() { aws ssm get-command-invocation --command-id "$id" --instance-id "$instance" --query "$1" --output text; }
ask StandardOutputContent
ask StandardErrorContent >&2
code=$(ask ResponseCode)
echo "$status, exit code $code"
[[ $code =~ ^[0-9]+$ ]] || code=69
exit "$code"
