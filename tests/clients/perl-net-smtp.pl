# Net::SMTP of Perl's core, which sends a message as it is given.
use strict;
use warnings;
use Authen::SASL;
use Net::SMTP;
use POSIX ();

$| = 1;
my %tls = (SSL_ca_file => $ENV{SMTP_CA_FILE});
my $server = Net::SMTP->new(
    Host => $ENV{SMTP_HOST}, Port => $ENV{SMTP_PORT}, Timeout => 60,
    SSL => $ENV{SMTP_SECURITY} eq 'implicit', %tls,
) or die "failed: $@\n";
if ($ENV{SMTP_SECURITY} eq 'starttls') {
    $server->starttls(%tls) or die 'failed: ', $server->message;
}
if ($ENV{SMTP_MECHANISM} ne 'none') {
    my $sasl = Authen::SASL->new(
        mechanism => $ENV{SMTP_MECHANISM},
        callback => { user => $ENV{SMTP_USER}, authname => '', pass => $ENV{SMTP_PASSWORD} },
    );
    $server->auth($sasl) or die 'failed: ', $server->code, ' ', $server->message;
}

my ($sender, @mails) = @ARGV;
my $failed = 0;
while (my ($recipients, $path) = splice @mails, 0, 2) {
    open my $file, '<:raw', $path or die "$path: $!";
    my $message = do { local $/; <$file> };
    if ($server->mail($sender) && $server->recipient(split /,/, $recipients) && $server->data($message)) {
        print "sent\n";
    } else {
        $failed = 1;
        print 'failed: ', $server->code, ' ', $server->message;
    }
}
POSIX::_exit($failed) if $ENV{SMTP_ENDING} eq 'vanish';
$server->quit;
exit $failed;
