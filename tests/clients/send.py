"""Sends files with smtplib over one connection: send.py HOST PORT SENDER RECIPIENT[,RECIPIENT...] FILE [FILE...]

Prints what became of each. Exit code 0 when the server took them all, else 1.
"""
import smtplib
import sys

host, port, sender, recipients, *paths = sys.argv[1:]
failures = 0
with smtplib.SMTP(host, int(port), timeout=60) as server:
    for path in paths:
        with open(path, "rb") as file:
            message = file.read()
        try:
            refused = server.sendmail(sender, recipients.split(","), message)
            print("sent, refused recipients:", refused)
        except smtplib.SMTPResponseException as error:
            failures += 1
            print(type(error).__name__, error.smtp_code, error.smtp_error.decode("ascii"))
        except smtplib.SMTPRecipientsRefused as error:
            failures += 1
            print(type(error).__name__, error.recipients)
sys.exit(1 if failures else 0)
