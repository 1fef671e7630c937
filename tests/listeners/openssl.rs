//! TLS as an auditor sees it, who comes with `openssl s_client`: which versions and cipher suites are had, which
//! certificate is shown, and that nothing is renegotiated or compressed.

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::installed::{IN_CI, is_installed};
use crate::rig::{Authority, Rig};

const PATIENCE: Duration = Duration::from_mins(1);
const IMPLICIT: &str =
    "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"implicit\"\ncertificate_files = [\"relay.pem\"]\n";
/// Whatever this openssl knows, which is more than it offers unasked.
const EVERYTHING: &str = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
const ALERT_HANDSHAKE_FAILURE: &str = "SSL alert number 40";
const ALERT_PROTOCOL_VERSION: &str = "SSL alert number 70";

fn is_here() -> bool {
    is_installed("openssl", &["openssl", "version"], IN_CI)
}

/// All that openssl says, on either stream.
async fn openssl(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let Output { stdout, stderr, .. } = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()
}

async fn s_client(relay: SocketAddr, arguments: &[&str], input: &str) -> String {
    openssl(&[&["s_client", "-connect", &relay.to_string()], arguments].concat(), input).await
}

/// With a certificate for a key of this kind in `relay.pem`.
async fn relay(key: &str, settings: &str) -> (Rig, Authority) {
    let authority = Authority::new();
    let (pem, key_pem) = (authority.folder.path().join("relay.pem"), authority.folder.path().join("key.pem"));
    let (file, key_file) = (pem.display().to_string(), key_pem.display().to_string());
    let kind = if key == "RSA" { ["-newkey", "rsa:2048"] } else { ["-newkey", "ec"] };
    let curve = ["-pkeyopt", "ec_paramgen_curve:P-256"];
    let names = ["-addext", "subjectAltName=DNS:relay.example.com", "-subj", "/CN=relay"];
    let files = ["-noenc", "-keyout", &key_file, "-out", &file];
    let curve = if key == "RSA" { &[][..] } else { &curve[..] };
    let said = openssl(&[&["req", "-x509"], &kind[..], curve, &names, &files].concat(), "").await;
    let certificate = std::fs::read_to_string(&pem).unwrap_or_else(|_| panic!("{said}"));
    std::fs::write(&pem, certificate + &std::fs::read_to_string(&key_pem).unwrap()).unwrap();
    (Rig::start(&authority, settings).await, authority)
}

#[tokio::test]
async fn versions_before_1_2_are_refused_and_1_2_and_1_3_are_taken() {
    if !is_here() {
        return;
    }
    let (rig, _authority) = relay("ECDSA", IMPLICIT).await;
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = s_client(rig.address(), &[version], "").await;
        assert!(said.contains(&format!("New, {name}, Cipher is ")), "{said}");
    }
    for version in ["-tls1", "-tls1_1"] {
        let said = s_client(rig.address(), &[version, "-cipher", EVERYTHING], "").await;
        // Which of them, depends on what else is offered. An openssl that cannot offer the version would hear none.
        let alerts = [ALERT_PROTOCOL_VERSION, ALERT_HANDSHAKE_FAILURE];
        assert!(alerts.iter().any(|alert| said.contains(alert)), "{version}: {said}");
    }
}

#[tokio::test]
async fn suites_without_forward_secrecy_or_authenticated_encryption_are_refused() {
    if !is_here() {
        return;
    }
    // NULL, anonymous, CBC, CCM, Camellia and ARIA, key exchange by RSA: whatever openssl can be made to offer.
    let known = openssl(&["ciphers", "-s", "-tls1_2", EVERYTHING], "").await;
    assert!(known.contains("NULL") && known.contains("ADH-") && known.contains("AES128-SHA"), "{known}");
    for key in ["ECDSA", "RSA"] {
        let (rig, _authority) = relay(key, IMPLICIT).await;
        let taken = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"]
            .map(|suite| format!("ECDHE-{key}-{suite}"));
        for suite in &taken {
            let said = s_client(rig.address(), &["-tls1_2", "-cipher", suite], "").await;
            assert!(said.contains(&format!("New, TLSv1.2, Cipher is {suite}\n")), "{said}");
        }
        let is_taken = |suite: &&str| taken.iter().any(|taken| taken == suite);
        let others: Vec<&str> = known.trim().split(':').filter(|suite| !is_taken(suite)).collect();
        let cipher = format!("{}:@SECLEVEL=0", others.join(":"));
        let said = s_client(rig.address(), &["-tls1_2", "-cipher", &cipher], "").await;
        assert!(said.contains(ALERT_HANDSHAKE_FAILURE), "{said}");
    }
}

#[tokio::test]
async fn the_name_chooses_the_certificate() {
    if !is_here() {
        return;
    }
    let authority = Authority::new();
    authority.issue("relay", &["relay.example.com"]);
    authority.issue("other", &["other.example.com"]);
    let settings = IMPLICIT.replace("[\"relay.pem\"]", "[\"relay.pem\", \"other.pem\"]");
    let rig = Rig::start(&authority, &settings).await;
    let ca_file = authority.folder.path().join("ca.pem").display().to_string();
    for (asked, shown, is_right) in [
        (&["-servername", "relay.example.com"][..], "relay.example.com", true),
        (&["-servername", "other.example.com"], "other.example.com", true),
        (&["-servername", "other.example.com"], "relay.example.com", false),
        // Who names none gets the first.
        (&["-noservername"], "relay.example.com", true),
    ] {
        let verify = ["-CAfile", &ca_file, "-verify_hostname", shown];
        let said = s_client(rig.address(), &[asked, &verify].concat(), "").await;
        assert_eq!(said.contains("Verify return code: 0 (ok)"), is_right, "{asked:?}: {said}");
    }
}

#[tokio::test]
async fn starttls_is_what_openssl_takes_for_it() {
    if !is_here() {
        return;
    }
    let authority = Authority::new();
    authority.issue("relay", &["relay.example.com"]);
    let rig = Rig::start(&authority, &IMPLICIT.replace("implicit", "starttls")).await;
    let ca_file = authority.folder.path().join("ca.pem").display().to_string();
    let arguments = ["-starttls", "smtp", "-CAfile", &ca_file, "-verify_return_error", "-crlf", "-quiet"];
    let said = s_client(rig.address(), &arguments, "EHLO app\nQUIT\n").await;
    assert!(said.contains("250-PIPELINING") && !said.contains("250-STARTTLS"), "{said}");
    assert!(said.contains("221 2.0.0 Bye"), "{said}");
}

#[tokio::test]
async fn a_session_is_never_renegotiated() {
    if !is_here() {
        return;
    }
    // The refusal, a warning, travels with the next thing that the relay says: 421, after the silence.
    let settings = format!("{IMPLICIT}[limits]\nidle_timeout = \"1s\"\n");
    let (rig, _authority) = relay("ECDSA", &settings).await;
    // A line of an R has s_client ask for it.
    let said = s_client(rig.address(), &["-tls1_2"], "R\n").await;
    assert!(said.contains("Secure Renegotiation IS supported"), "{said}");
    let (_, asked) = said.split_once("RENEGOTIATING").unwrap_or_else(|| panic!("{said}"));
    // If it asks before it has read the greeting, that comes in place of an answer.
    assert!(asked.contains("no renegotiation") || asked.contains("unexpected record"), "{said}");
    assert!(!asked.contains("verify return"), "{said}");
}

/// What openssl no longer has in it, put together by hand: the suites, then the compression methods.
fn client_hello(suites: &[[u8; 2]], compressions: &[u8]) -> Vec<u8> {
    let prefixed = |octets: &[u8]| [&[u8::try_from(octets.len()).unwrap()], octets].concat();
    // supported_groups: P-256; ec_point_formats: uncompressed; signature_algorithms: ecdsa_secp256r1_sha256.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3];
    let (suites, extensions) = (prefixed(suites.as_flattened()), prefixed(&extensions));
    let hello =
        [&[3, 3][..], &[7; 32], &[0, 0], &suites, &prefixed(compressions), &[0], &extensions].concat();
    let hello = [&[1, 0, 0][..], &prefixed(&hello)].concat();
    [&[22, 3, 1, 0][..], &prefixed(&hello)].concat()
}

/// The first record of the answer, and no more.
async fn answer(relay: SocketAddr, hello: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(relay).await.unwrap();
    stream.write_all(hello).await.unwrap();
    let mut record = vec![0; 5];
    stream.read_exact(&mut record).await.unwrap();
    let length = u16::from_be_bytes([record[3], record[4]]);
    record.resize(5 + usize::from(length), 0);
    stream.read_exact(&mut record[5..]).await.unwrap();
    record
}

#[tokio::test]
async fn what_openssl_no_longer_knows_is_refused_too() {
    const ECDHE_ECDSA_AES128_GCM: [u8; 2] = [0xc0, 0x2b];
    const NULL: u8 = 0;
    const DEFLATE: u8 = 1;
    let authority = Authority::new();
    authority.issue("relay", &["relay.example.com"]);
    let rig = Rig::start(&authority, IMPLICIT).await;
    for (suite, name) in [
        ([0xc0, 0x07], "ECDHE-ECDSA-RC4-SHA"),
        ([0xc0, 0x08], "ECDHE-ECDSA-DES-CBC3-SHA"),
        ([0x00, 0x05], "RC4-SHA"),
        ([0x00, 0x0a], "DES-CBC3-SHA"),
        ([0x00, 0x09], "DES-CBC-SHA"),
        ([0x00, 0x03], "EXP-RC4-MD5"),
    ] {
        let heard = answer(rig.address(), &client_hello(&[suite], &[NULL])).await;
        // A fatal alert: handshake_failure.
        assert!(matches!(heard.as_slice(), [21, 3, _, 0, 2, 2, 40]), "{name}: {heard:?}");
    }
    // The compression method stands behind version, random, session id and suite. (CRIME, RFC 7457 section 2.6.)
    let heard = answer(rig.address(), &client_hello(&[ECDHE_ECDSA_AES128_GCM], &[DEFLATE, NULL])).await;
    let session_id = usize::from(heard[5 + 4 + 2 + 32]);
    assert_eq!((heard[0], heard[5]), (22, 2), "no ServerHello: {heard:?}");
    assert_eq!(heard[5 + 4 + 2 + 32 + 1 + session_id + 2], NULL, "{heard:?}");
    let heard = answer(rig.address(), &client_hello(&[ECDHE_ECDSA_AES128_GCM], &[DEFLATE])).await;
    assert!(matches!(heard.as_slice(), [21, 3, _, 0, 2, 2, _]), "{heard:?}");
}
