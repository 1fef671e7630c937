#!/usr/bin/env bash
# Postfix as a host's own mail system, with the relay as its smart host. It puts a Received field in front of each
# message, and turns a refusal into a bounce, which stays here instead of going out through the relay.
sender=$1
shift
folder=$(mktemp -d --tmpdir sesgate-postfix-XXXXXX)
chmod 755 "$folder"
mkdir "$folder/queue" "$folder/data"
chown postfix "$folder/data"
trap 'postfix -c "$folder" abort 2>/dev/null; rm -rf "$folder"' EXIT

cat >"$folder/main.cf" <<END
compatibility_level = 3.6
queue_directory = $folder/queue
data_directory = $folder/data
maillog_file = $folder/log
maillog_file_prefixes = $folder
myhostname = host.example
mydestination =
alias_maps =
notify_classes =
message_size_limit = 41943040
mailbox_size_limit = 0
transport_maps = inline:{ ${sender#*@}=discard: }
relayhost = [$SMTP_HOST]:$SMTP_PORT
# It does not believe a certificate that is for an address.
smtp_tls_security_level = $([ "$SMTP_SECURITY" = none ] && echo none || echo encrypt)
smtp_tls_wrappermode = $([ "$SMTP_SECURITY" = implicit ] && echo yes || echo no)
smtp_sasl_auth_enable = $([ "$SMTP_MECHANISM" = none ] && echo no || echo yes)
smtp_sasl_mechanism_filter = $SMTP_MECHANISM
smtp_sasl_security_options =
smtp_sasl_password_maps = texthash:$folder/password
END
echo "[$SMTP_HOST]:$SMTP_PORT $SMTP_USER:$SMTP_PASSWORD" >"$folder/password"
cat >"$folder/master.cf" <<'END'
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
END
postfix -c "$folder" start 2>/dev/null || exit 2

failed=0
done=0
while [ $# -gt 0 ]; do
  IFS=, read -ra recipients <<<"$1"
  sendmail -C "$folder" -i -f "$sender" "${recipients[@]}" <"$2"
  done=$((done + ${#recipients[@]}))
  # One line for each recipient.
  until [ "$(grep -c '/smtp\[.* status=' "$folder/log")" -ge "$done" ]; do sleep 0.05; done
  if said=$(grep '/smtp\[.* status=' "$folder/log" | tail -n 1) && [[ $said == *status=sent* ]]; then
    echo sent
  else
    failed=1
    echo "failed: ${said##*dsn=}"
  fi
  shift 2
done
exit $failed
