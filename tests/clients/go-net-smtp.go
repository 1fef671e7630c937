// net/smtp of Go's standard library, which sends a message as it is given.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/smtp"
	"os"
	"strings"
)

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func connect() *smtp.Client {
	host := os.Getenv("SMTP_HOST")
	address := host + ":" + os.Getenv("SMTP_PORT")
	pem, err := os.ReadFile(os.Getenv("SMTP_CA_FILE"))
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := &tls.Config{ServerName: host, RootCAs: roots}
	if os.Getenv("SMTP_SECURITY") == "implicit" {
		connection, err := tls.Dial("tcp", address, config)
		must(err)
		client, err := smtp.NewClient(connection, host)
		must(err)
		return client
	}
	client, err := smtp.Dial(address)
	must(err)
	if os.Getenv("SMTP_SECURITY") == "starttls" {
		must(client.StartTLS(config))
	}
	return client
}

func send(client *smtp.Client, sender string, recipients []string, message []byte) error {
	if err := client.Mail(sender); err != nil {
		return err
	}
	for _, recipient := range recipients {
		if err := client.Rcpt(recipient); err != nil {
			return err
		}
	}
	data, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := data.Write(message); err != nil {
		return err
	}
	return data.Close()
}

func main() {
	client := connect()
	if os.Getenv("SMTP_MECHANISM") != "none" {
		user, password := os.Getenv("SMTP_USER"), os.Getenv("SMTP_PASSWORD")
		must(client.Auth(smtp.PlainAuth("", user, password, os.Getenv("SMTP_HOST"))))
	}
	failed := 0
	for mails := os.Args[2:]; len(mails) > 0; mails = mails[2:] {
		message, err := os.ReadFile(mails[1])
		must(err)
		if err := send(client, os.Args[1], strings.Split(mails[0], ","), message); err != nil {
			failed = 1
			fmt.Println("failed:", err)
		} else {
			fmt.Println("sent")
		}
	}
	if os.Getenv("SMTP_ENDING") == "quit" {
		must(client.Quit())
	}
	os.Exit(failed)
}
