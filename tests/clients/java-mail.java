// JavaMail, which reads the given message and writes it in its own way.
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Properties;
import javax.mail.MessagingException;
import javax.mail.Session;
import javax.mail.Transport;
import javax.mail.internet.InternetAddress;
import javax.mail.internet.MimeMessage;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

class Send {
    static SSLSocketFactory trusting(String caFile) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream file = new FileInputStream(caFile)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context.getSocketFactory();
    }

    public static void main(String[] arguments) throws Exception {
        String security = System.getenv("SMTP_SECURITY");
        String mechanism = System.getenv("SMTP_MECHANISM");
        String protocol = security.equals("implicit") ? "smtps" : "smtp";
        boolean logsIn = !mechanism.equals("none");

        Properties properties = new Properties();
        String prefix = "mail." + protocol + ".";
        properties.put(prefix + "auth", String.valueOf(logsIn));
        properties.put(prefix + "auth.mechanisms", mechanism);
        properties.put(prefix + "starttls.required", String.valueOf(security.equals("starttls")));
        properties.put(prefix + "starttls.enable", String.valueOf(security.equals("starttls")));
        properties.put(prefix + "ssl.socketFactory", trusting(System.getenv("SMTP_CA_FILE")));
        properties.put(prefix + "from", arguments[0]);
        Session session = Session.getInstance(properties);

        Transport transport = session.getTransport(protocol);
        String user = logsIn ? System.getenv("SMTP_USER") : null;
        String password = logsIn ? System.getenv("SMTP_PASSWORD") : null;
        int port = Integer.parseInt(System.getenv("SMTP_PORT"));
        transport.connect(System.getenv("SMTP_HOST"), port, user, password);

        int failed = 0;
        for (int at = 1; at < arguments.length; at += 2) {
            try (FileInputStream file = new FileInputStream(arguments[at + 1])) {
                MimeMessage message = new MimeMessage(session, file);
                message.saveChanges();
                transport.sendMessage(message, InternetAddress.parse(arguments[at]));
                System.out.println("sent");
            } catch (MessagingException error) {
                failed = 1;
                System.out.println("failed: " + error);
            }
        }
        if (System.getenv("SMTP_ENDING").equals("vanish")) {
            Runtime.getRuntime().halt(failed);
        }
        transport.close();
        System.exit(failed);
    }
}
