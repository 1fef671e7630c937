//! Secrets as AWS Secrets Manager keeps them: each with its versions, of which one is current.
//!
//! Who asks is whoever the environment says: a role of the task, the instance or the pod, as for all programs that
//! speak to AWS. `AWS_ENDPOINT_URL` leads elsewhere.

use std::time::{Duration, SystemTime};

use aws_config::meta::region::RegionProviderChain;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;

use crate::secret::Secret;

/// For one question with all its attempts.
const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub struct SecretsManager {
    environment: SdkConfig,
}

/// Which version of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Current,
    Previous,
    /// What is going to be current: made, but not yet proven.
    Pending,
}

/// One version of a secret.
#[derive(Debug, Clone)]
pub struct SecretVersion {
    pub id: String,
    pub text: Secret,
    pub created: Option<SystemTime>,
}

/// Why Secrets Manager does not say or do what it was asked. The words are AWS's.
#[derive(Debug, thiserror::Error)]
pub enum SecretsManagerError {
    #[error("`{name}` in Secrets Manager cannot be {what}: {reason}")]
    Failed { name: String, what: &'static str, reason: String },
    #[error("`{name}` in Secrets Manager is not a text")]
    Binary { name: String },
}

/// What the environment says of AWS, save the region, which is this one whatever it says.
pub async fn aws_environment_of(region: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.to_owned())).load().await
}

/// What the environment says of AWS. A region that it does not name is this one.
pub async fn aws_environment(region: &str) -> SdkConfig {
    let region = RegionProviderChain::default_provider().or_else(Region::new(region.to_owned()));
    let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT).build();
    aws_config::defaults(BehaviorVersion::latest()).region(region).timeout_config(timeouts).load().await
}

impl Stage {
    fn label(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Previous => "AWSPREVIOUS",
            Self::Pending => "AWSPENDING",
        }
    }
}

impl SecretsManager {
    pub fn new(environment: SdkConfig) -> Self {
        Self { environment }
    }

    /// A version of the secret, if there is one at this stage.
    pub async fn version(
        &self,
        name: &str,
        stage: Stage,
    ) -> Result<Option<SecretVersion>, SecretsManagerError> {
        let asked = self.client(name).get_secret_value().secret_id(name).version_stage(stage.label());
        match asked.send().await {
            Ok(found) => {
                let text = found.secret_string.map(Secret::new);
                let text = text.ok_or_else(|| SecretsManagerError::Binary { name: name.to_owned() })?;
                let created = found.created_date.and_then(|date| SystemTime::try_from(date).ok());
                Ok(Some(SecretVersion { id: found.version_id.unwrap_or_default(), text, created }))
            }
            Err(error)
                if stage != Stage::Current
                    && error
                        .as_service_error()
                        .is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(name, "read", &DisplayErrorContext(&error))),
        }
    }

    /// When anything of the secret was last changed, its stages too.
    pub async fn changed(&self, name: &str) -> Result<Option<SystemTime>, SecretsManagerError> {
        let described = self.client(name).describe_secret().secret_id(name).send().await;
        let described = described.map_err(|error| failed(name, "described", &DisplayErrorContext(&error)))?;
        Ok(described.last_changed_date.and_then(|date| SystemTime::try_from(date).ok()))
    }

    /// Makes a version pending. Whoever reads the secret sees nothing of it yet.
    pub async fn put_pending(&self, name: &str, text: &Secret) -> Result<(), SecretsManagerError> {
        let put = self.client(name).put_secret_value().secret_id(name).secret_string(text.expose());
        let put = put.version_stages(Stage::Pending.label()).send().await;
        put.map(drop).map_err(|error| failed(name, "written", &DisplayErrorContext(&error)))
    }

    /// Makes one version the current one instead of another, and no longer pending.
    pub async fn promote(
        &self,
        name: &str,
        pending: &SecretVersion,
        current: &SecretVersion,
    ) -> Result<(), SecretsManagerError> {
        let moved = self.client(name).update_secret_version_stage().secret_id(name);
        let moved = moved.version_stage(Stage::Current.label()).remove_from_version_id(&current.id);
        let moved = moved.move_to_version_id(&pending.id).send().await;
        moved.map_err(|error| failed(name, "published", &DisplayErrorContext(&error)))?;
        let cleared = self.client(name).update_secret_version_stage().secret_id(name);
        let cleared = cleared.version_stage(Stage::Pending.label()).remove_from_version_id(&pending.id);
        let cleared = cleared.send().await;
        cleared.map(drop).map_err(|error| failed(name, "published", &DisplayErrorContext(&error)))
    }

    /// An ARN says where the secret is.
    fn client(&self, name: &str) -> Client {
        let mut config = aws_sdk_secretsmanager::config::Builder::from(&self.environment);
        if let Some(region) = name.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)) {
            config.set_region(Some(Region::new(region.to_owned())));
        }
        Client::from_conf(config.build())
    }
}

fn failed(name: &str, what: &'static str, reason: &dyn std::fmt::Display) -> SecretsManagerError {
    SecretsManagerError::Failed { name: name.to_owned(), what, reason: reason.to_string() }
}
