"""smtplib of Python's standard library, which sends a message as it is given."""
import os
import smtplib
import ssl
import sys

env = os.environ
context = ssl.create_default_context(cafile=env["SMTP_CA_FILE"])
where = (env["SMTP_HOST"], int(env["SMTP_PORT"]))
if env["SMTP_SECURITY"] == "implicit":
    server = smtplib.SMTP_SSL(*where, timeout=60, context=context)
else:
    server = smtplib.SMTP(*where, timeout=60)
if env["SMTP_SECURITY"] == "starttls":
    server.starttls(context=context)
if env["SMTP_MECHANISM"] != "none":
    server.ehlo()
    server.user, server.password = env["SMTP_USER"], env["SMTP_PASSWORD"]
    mechanism = env["SMTP_MECHANISM"]
    server.auth(mechanism, {"PLAIN": server.auth_plain, "LOGIN": server.auth_login}[mechanism])

sender, *mails = sys.argv[1:]
failed = False
for recipients, path in zip(mails[::2], mails[1::2]):
    with open(path, "rb") as file:
        message = file.read()
    try:
        server.sendmail(sender, recipients.split(","), message)
        print("sent")
    except smtplib.SMTPException as error:
        failed = True
        print("failed:", type(error).__name__, error)
sys.stdout.flush()
if env["SMTP_ENDING"] == "vanish":
    os._exit(failed)
server.quit()
sys.exit(failed)
