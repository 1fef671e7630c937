"""aiosmtplib, which sends a message as it is given."""
import asyncio
import os
import ssl
import sys

import aiosmtplib

env = os.environ


async def main():
    security = env["SMTP_SECURITY"]
    server = aiosmtplib.SMTP(
        hostname=env["SMTP_HOST"],
        port=int(env["SMTP_PORT"]),
        use_tls=security == "implicit",
        start_tls=security == "starttls",
        tls_context=ssl.create_default_context(cafile=env["SMTP_CA_FILE"]),
    )
    await server.connect()
    await server.ehlo()
    user, password = env["SMTP_USER"], env["SMTP_PASSWORD"]
    match env["SMTP_MECHANISM"]:
        case "PLAIN":
            await server.auth_plain(user, password)
        case "LOGIN":
            await server.auth_login(user, password)

    sender, *mails = sys.argv[1:]
    failed = False
    for recipients, path in zip(mails[::2], mails[1::2]):
        with open(path, "rb") as file:
            message = file.read()
        try:
            await server.sendmail(sender, recipients.split(","), message)
            print("sent")
        except aiosmtplib.SMTPException as error:
            failed = True
            print("failed:", type(error).__name__, error)
    sys.stdout.flush()
    if env["SMTP_ENDING"] == "vanish":
        os._exit(failed)
    await server.quit()
    return failed


sys.exit(asyncio.run(main()))
