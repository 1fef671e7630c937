# Email::Sender over a persistent connection, which sends a message as it is given.
use strict;
use warnings;
use Email::Sender::Simple qw(sendmail);
use Email::Sender::Transport::SMTP::Persistent;
use Email::Simple;
use POSIX ();

$| = 1;
my $transport = Email::Sender::Transport::SMTP::Persistent->new({
    host => $ENV{SMTP_HOST},
    port => $ENV{SMTP_PORT},
    ssl => { none => 0, starttls => 'starttls', implicit => 'ssl' }->{ $ENV{SMTP_SECURITY} },
    ssl_options => { SSL_ca_file => $ENV{SMTP_CA_FILE} },
    ($ENV{SMTP_MECHANISM} eq 'none'
        ? () : (sasl_username => $ENV{SMTP_USER}, sasl_password => $ENV{SMTP_PASSWORD})),
});

my ($sender, @mails) = @ARGV;
my $failed = 0;
while (my ($recipients, $path) = splice @mails, 0, 2) {
    open my $file, '<:raw', $path or die "$path: $!";
    my $message = Email::Simple->new(do { local $/; <$file> });
    my $envelope = { transport => $transport, from => $sender, to => [split /,/, $recipients] };
    if (eval { sendmail($message, $envelope); 1 }) {
        print "sent\n";
    } else {
        $failed = 1;
        print 'failed: ', $@->code // '', ' ', $@->message, "\n";
    }
}
POSIX::_exit($failed) if $ENV{SMTP_ENDING} eq 'vanish';
$transport->disconnect;
exit $failed;
