#!/usr/bin/env bash
# msmtp, which sends a message as it is given, a connection for each.
sender=$1
shift
options=(--host="$SMTP_HOST" --port="$SMTP_PORT" --tls-trust-file="$SMTP_CA_FILE" --from="$sender")
case $SMTP_SECURITY in
  none) options+=(--tls=off) ;;
  starttls) options+=(--tls=on --tls-starttls=on) ;;
  implicit) options+=(--tls=on --tls-starttls=off) ;;
esac
if [ "$SMTP_MECHANISM" != none ]; then
  options+=(--auth="${SMTP_MECHANISM,,}" --user="$SMTP_USER" --passwordeval='echo "$SMTP_PASSWORD"')
fi
failed=0
while [ $# -gt 0 ]; do
  IFS=, read -ra recipients <<<"$1"
  if said=$(msmtp "${options[@]}" -- "${recipients[@]}" <"$2" 2>&1); then
    echo sent
  else
    failed=1
    echo "failed: $said"
  fi
  shift 2
done
exit $failed
