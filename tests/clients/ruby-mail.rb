# The gem `mail`, which Rails sends with: it reads the given message and writes it in its own way.
require "mail"

$stdout.sync = true
settings = {
  address: ENV["SMTP_HOST"],
  port: ENV["SMTP_PORT"].to_i,
  enable_starttls_auto: ENV["SMTP_SECURITY"] == "starttls",
  ssl: ENV["SMTP_SECURITY"] == "implicit" || nil,
  openssl_verify_mode: OpenSSL::SSL::VERIFY_PEER,
  ca_file: ENV["SMTP_CA_FILE"],
}
if ENV["SMTP_MECHANISM"] != "none"
  settings[:authentication] = ENV["SMTP_MECHANISM"].downcase
  settings[:user_name] = ENV["SMTP_USER"]
  settings[:password] = ENV["SMTP_PASSWORD"]
end

sender, *mails = ARGV
failed = false
mails.each_slice(2) do |recipients, path|
  message = Mail.read(path)
  message.smtp_envelope_from = sender
  message.smtp_envelope_to = recipients.split(",")
  message.delivery_method(:smtp, settings)
  message.deliver!
  puts "sent"
rescue Net::ProtocolError => error
  failed = true
  puts "failed: #{error.class} #{error.message}"
end
exit(!failed)
