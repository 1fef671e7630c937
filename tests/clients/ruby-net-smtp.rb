# Net::SMTP of Ruby, which sends a message as it is given.
require "net/smtp"

$stdout.sync = true
server = Net::SMTP.new(ENV["SMTP_HOST"], ENV["SMTP_PORT"].to_i)
context = OpenSSL::SSL::SSLContext.new
context.set_params(ca_file: ENV["SMTP_CA_FILE"])
case ENV["SMTP_SECURITY"]
when "none" then server.disable_starttls
when "starttls" then server.enable_starttls(context)
when "implicit" then server.enable_tls(context)
end
login = [ENV["SMTP_USER"], ENV["SMTP_PASSWORD"], ENV["SMTP_MECHANISM"].downcase.to_sym]
login = [] if ENV["SMTP_MECHANISM"] == "none"
server.start("localhost", *login)

sender, *mails = ARGV
failed = false
mails.each_slice(2) do |recipients, path|
  server.send_message(File.binread(path), sender, *recipients.split(","))
  puts "sent"
rescue Net::ProtocolError => error
  failed = true
  puts "failed: #{error.class} #{error.message}"
end
exit!(!failed) if ENV["SMTP_ENDING"] == "vanish"
server.finish
exit(!failed)
