//! What the program is told by its environment when a test starts it.

use sesgate::sandbox::StandIn;
use tempfile::NamedTempFile;

pub const REGION: &str = "ap-northeast-1";

/// How `serve` and `health` are told of a stand-in.
pub fn variables(stand_in: &StandIn, ca_file: &NamedTempFile) -> Vec<(&'static str, String)> {
    std::fs::write(ca_file.path(), stand_in.ca_pem()).unwrap();
    let (endpoint, login) = (stand_in.endpoints().implicit_tls, stand_in.login());
    vec![
        ("SESGATE_SES_REGION", REGION.to_owned()),
        ("SESGATE_SES_ACCOUNT_ID", "123456789012".to_owned()),
        ("SESGATE_SES_IDENTITIES", "mail1.tak1wa.com".to_owned()),
        ("SESGATE_SES_HOST", endpoint.ip().to_string()),
        ("SESGATE_SES_PORT", endpoint.port().to_string()),
        ("SESGATE_SES_SERVER_NAME", format!("email-smtp.{REGION}.amazonaws.com")),
        ("SESGATE_SES_CA_FILE", ca_file.path().display().to_string()),
        ("SESGATE_SES_USER_NAME", login.user_name.clone()),
        ("SESGATE_SES_PASSWORD", login.password.expose().to_owned()),
        ("SESGATE_POLICY_FILES", concat!(env!("CARGO_MANIFEST_DIR"), "/config/policy/*.json").to_owned()),
    ]
}
