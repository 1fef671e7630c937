#!/usr/bin/env bash
# git send-email, which takes a message for a patch and writes its header anew; a connection for each.
sender=$1
shift
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=app GIT_AUTHOR_EMAIL="$sender" GIT_COMMITTER_NAME=app GIT_COMMITTER_EMAIL="$sender"
options=(--smtp-server="$SMTP_HOST" --smtp-server-port="$SMTP_PORT" --smtp-ssl-cert-path="$SMTP_CA_FILE"
  --envelope-sender="$sender" --suppress-cc=all --confirm=never --no-validate --8bit-encoding=UTF-8
  --transfer-encoding=8bit)
case $SMTP_SECURITY in
  starttls) options+=(--smtp-encryption=tls) ;;
  implicit) options+=(--smtp-encryption=ssl) ;;
esac
if [ "$SMTP_MECHANISM" = none ]; then
  options+=(--smtp-auth=none)
else
  options+=(--smtp-auth="$SMTP_MECHANISM" --smtp-user="$SMTP_USER" --smtp-pass="$SMTP_PASSWORD")
fi
failed=0
while [ $# -gt 0 ]; do
  IFS=, read -ra recipients <<<"$1"
  from=$(sed -n '/^From: /{s///;s/\r$//;p;q}' "$2")
  hidden=("${recipients[@]:1}")
  if said=$(cd "$(dirname "$2")" && git send-email "${options[@]}" --from="$from" --to="${recipients[0]}" \
    "${hidden[@]/#/--bcc=}" "$2" 2>&1); then
    echo sent
  else
    failed=1
    echo "failed: $said"
  fi
  shift 2
done
exit $failed
