#!/usr/bin/env bash
# swaks, which sends a message as it is given, less the end of its last line; a connection for each.
sender=$1
shift
options=(--server "$SMTP_HOST" --port "$SMTP_PORT" --from "$sender" --suppress-data)
case $SMTP_SECURITY in
  starttls) options+=(--tls --tls-verify --tls-ca-path "$SMTP_CA_FILE") ;;
  implicit) options+=(--tls-on-connect --tls-verify --tls-ca-path "$SMTP_CA_FILE") ;;
esac
if [ "$SMTP_MECHANISM" != none ]; then
  options+=(--auth "$SMTP_MECHANISM" --auth-user "$SMTP_USER" --auth-password "$SMTP_PASSWORD")
fi
[ "$SMTP_ENDING" = quit ] || options+=(--drop-after DOT)
failed=0
while [ $# -gt 0 ]; do
  # It ends the last line itself.
  if said=$(swaks "${options[@]}" --to "$1" --data "@"<(head -c -2 "$2") 2>&1); then
    echo sent
  else
    failed=1
    # What went wrong is marked so in its protocol of the session.
    echo "failed: $(grep -E '^(<\*\*|<~\*|\*\*\*)' <<<"$said")"
  fi
  shift 2
done
exit $failed
