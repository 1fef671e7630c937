<?php
// PHPMailer, which makes a message of its own of the subject and the text of the given one.
require 'libphp-phpmailer/autoload.php';

use PHPMailer\PHPMailer\Exception;
use PHPMailer\PHPMailer\PHPMailer;

$mailer = new PHPMailer(true);
$mailer->isSMTP();
$mailer->SMTPKeepAlive = true;
$mailer->CharSet = PHPMailer::CHARSET_UTF8;
$mailer->Host = getenv('SMTP_HOST');
$mailer->Port = (int) getenv('SMTP_PORT');
$mailer->SMTPSecure = ['none' => '', 'starttls' => 'tls', 'implicit' => 'ssl'][getenv('SMTP_SECURITY')];
$mailer->SMTPOptions = ['ssl' => ['cafile' => getenv('SMTP_CA_FILE')]];
if (getenv('SMTP_MECHANISM') !== 'none') {
    $mailer->SMTPAuth = true;
    $mailer->AuthType = getenv('SMTP_MECHANISM');
    $mailer->Username = getenv('SMTP_USER');
    $mailer->Password = getenv('SMTP_PASSWORD');
}

$mailer->Sender = $argv[1];
$failed = 0;
foreach (array_chunk(array_slice($argv, 2), 2) as [$recipients, $path]) {
    [$header, $body] = explode("\r\n\r\n", file_get_contents($path), 2);
    $field = fn ($name) => preg_match("/^$name: (.*)\r?$/im", $header, $found) ? trim($found[1]) : '';
    $mailer->clearAllRecipients();
    $mailer->clearAttachments();
    $from = PHPMailer::parseAddresses($field('From'))[0];
    [$mailer->From, $mailer->FromName] = [$from['address'], $from['name']];
    foreach (explode(',', $recipients) as $at => $recipient) {
        $at === 0 ? $mailer->addAddress($recipient) : $mailer->addBCC($recipient);
    }
    $mailer->Subject = $field('Subject');
    if (str_starts_with($field('Content-Type'), 'application/')) {
        $mailer->Body = 'with an attachment';
        $mailer->addStringAttachment(base64_decode($body), 'attachment');
    } else {
        $mailer->Body = $body;
    }
    try {
        $mailer->send();
        echo "sent\n";
    } catch (Exception $error) {
        $failed = 1;
        // What the server said is not in the exception.
        echo 'failed: ', $error->getMessage(), ' / ', $mailer->ErrorInfo, "\n";
    }
}
if (getenv('SMTP_ENDING') === 'vanish') {
    posix_kill(posix_getpid(), SIGKILL);
}
$mailer->smtpClose();
exit($failed);
