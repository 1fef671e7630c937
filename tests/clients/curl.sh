#!/usr/bin/env bash
# curl, which sends a message as it is given, a connection for each.
sender=$1
shift
scheme=smtp
# Without --verbose it does not tell what the server said.
options=(--silent --show-error --verbose --cacert "$SMTP_CA_FILE" --mail-from "$sender")
case $SMTP_SECURITY in
  starttls) options+=(--ssl-reqd) ;;
  implicit) scheme=smtps ;;
esac
if [ "$SMTP_MECHANISM" != none ]; then
  options+=(--login-options "AUTH=$SMTP_MECHANISM" --user "$SMTP_USER:$SMTP_PASSWORD")
fi
failed=0
while [ $# -gt 0 ]; do
  if said=$(curl "${options[@]}" --mail-rcpt ${1//,/ --mail-rcpt } --upload-file "$2" \
    "$scheme://$SMTP_HOST:$SMTP_PORT/client.example" 2>&1); then
    echo sent
  else
    failed=1
    echo "failed: $(grep -E '^(< [45]|curl: )' <<<"$said")"
  fi
  shift 2
done
exit $failed
