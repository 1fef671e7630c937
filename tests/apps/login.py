"""Logs in with smtplib and sends one mail: login.py HOST PORT PLAIN|LOGIN USER PASSWORD

Exit code 0 when the server took it; else 1, with what the server said on standard output.
"""
import smtplib
import sys

host, port, mechanism, user, password = sys.argv[1:]
message = f"From: {user}@example.com\r\nTo: bob@example.com\r\n\r\nHello\r\n"
try:
    with smtplib.SMTP(host, int(port), timeout=20) as server:
        server.ehlo()
        server.user, server.password = user, password
        server.auth(mechanism, {"PLAIN": server.auth_plain, "LOGIN": server.auth_login}[mechanism])
        server.sendmail(f"{user}@example.com", ["bob@example.com"], message)
except smtplib.SMTPResponseException as error:
    print(type(error).__name__, error.smtp_code, error.smtp_error.decode("ascii"))
    sys.exit(1)
