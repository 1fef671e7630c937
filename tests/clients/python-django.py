"""Django's mail, which makes a message of its own of the subject and the text of the given one."""
import email
import os
import smtplib
import ssl
import sys

from django.conf import settings

env = os.environ
settings.configure(DEFAULT_CHARSET="utf-8", USE_TZ=True)

from django.core.mail import EmailMessage  # noqa: E402: only with settings
from django.core.mail.backends.smtp import EmailBackend  # noqa: E402


class Backend(EmailBackend):
    """With the authority of the tests, as an application adds its company's."""

    @property
    def ssl_context(self):
        return ssl.create_default_context(cafile=env["SMTP_CA_FILE"])


logs_in = env["SMTP_MECHANISM"] != "none"
backend = Backend(
    host=env["SMTP_HOST"],
    port=int(env["SMTP_PORT"]),
    username=env["SMTP_USER"] if logs_in else "",
    password=env["SMTP_PASSWORD"] if logs_in else "",
    use_tls=env["SMTP_SECURITY"] == "starttls",
    use_ssl=env["SMTP_SECURITY"] == "implicit",
)
backend.open()
sender, *mails = sys.argv[1:]
failed = False
for recipients, path in zip(mails[::2], mails[1::2]):
    with open(path, "rb") as file:
        given = email.message_from_bytes(file.read())
    to, *bcc = recipients.split(",")
    message = EmailMessage(given["Subject"], "", given["From"], [to], bcc)
    if given.get_content_type() == "text/plain":
        message.body = given.get_payload(decode=True).decode()
    else:
        message.attach("attachment", given.get_payload(decode=True), given.get_content_type())
    try:
        backend.send_messages([message])
        print("sent")
    except smtplib.SMTPException as error:
        failed = True
        print("failed:", type(error).__name__, error)
sys.stdout.flush()
if env["SMTP_ENDING"] == "vanish":
    os._exit(failed)
backend.close()
sys.exit(failed)
