// nodemailer with a pool, which makes a message of its own of the subject and the text of the given one.
const fs = require("node:fs");
const nodemailer = require("nodemailer");

const env = process.env;
const [sender, ...mails] = process.argv.slice(2);

const transport = nodemailer.createTransport({
  pool: true,
  maxConnections: 1,
  host: env.SMTP_HOST,
  port: Number(env.SMTP_PORT),
  secure: env.SMTP_SECURITY === "implicit",
  requireTLS: env.SMTP_SECURITY === "starttls",
  tls: { ca: fs.readFileSync(env.SMTP_CA_FILE) },
  ...(env.SMTP_MECHANISM !== "none" && {
    authMethod: env.SMTP_MECHANISM,
    auth: { user: env.SMTP_USER, pass: env.SMTP_PASSWORD },
  }),
});

// What is given as octets stays octets; only the attachment is base64.
function composed(given, recipients) {
  const end = given.indexOf("\r\n\r\n");
  const [header, body] = [given.subarray(0, end).toString(), given.subarray(end + 4)];
  const field = (name) => header.match(new RegExp(`^${name}: (.*)$`, "im"))?.[1].trim();
  const [to, ...bcc] = recipients;
  const content = field("Content-Type")?.startsWith("application/")
    ? { attachments: [{ filename: "attachment", content: Buffer.from(body.toString(), "base64") }] }
    : { text: body.toString() };
  return { from: field("From"), to, bcc, subject: field("Subject"), envelope: { from: sender, to: recipients }, ...content };
}

(async () => {
  for (let at = 0; at < mails.length; at += 2) {
    try {
      await transport.sendMail(composed(fs.readFileSync(mails[at + 1]), mails[at].split(",")));
      console.log("sent");
    } catch (error) {
      process.exitCode = 1;
      console.log("failed:", error.code, error.responseCode, error.message);
    }
  }
  transport.close();
})();
