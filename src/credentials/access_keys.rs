//! The access keys of an IAM user, of which there can be two.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::error::DisplayErrorContext;
use aws_sdk_iam::types::StatusType;

use crate::secret::Secret;

#[derive(Debug, Clone)]
pub struct AccessKeys {
    client: Client,
}

/// An access key without its secret, which IAM tells once, when it makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub id: String,
    pub activity: Activity,
    pub created: SystemTime,
    /// As far as IAM knows, which it does some time later.
    pub last_used: Option<SystemTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    Active,
    Inactive,
}

/// Why IAM does not say or do what it was asked. The words are AWS's.
#[derive(Debug, thiserror::Error)]
#[error("IAM: {what}: {reason}")]
pub struct AccessKeysError {
    what: String,
    reason: String,
}

impl AccessKeys {
    pub fn new(environment: &SdkConfig) -> Self {
        Self { client: Client::new(environment) }
    }

    /// Whose key it is.
    pub async fn user_of(&self, id: &str) -> Result<String, AccessKeysError> {
        let what = || format!("whose key `{id}` is cannot be asked");
        let asked = self.client.get_access_key_last_used().access_key_id(id).send().await;
        let found = asked.map_err(|error| failed(what(), &DisplayErrorContext(&error)))?;
        found.user_name.ok_or_else(|| failed(what(), &"it says no user"))
    }

    pub async fn of(&self, user: &str) -> Result<Vec<AccessKey>, AccessKeysError> {
        let what = || format!("the keys of `{user}` cannot be listed");
        let listed = self.client.list_access_keys().user_name(user).send().await;
        let listed = listed.map_err(|error| failed(what(), &DisplayErrorContext(&error)))?;
        let mut keys = Vec::new();
        for key in listed.access_key_metadata {
            let (Some(id), Some(created)) = (key.access_key_id, key.create_date) else { continue };
            let created = SystemTime::try_from(created).map_err(|error| failed(what(), &error))?;
            let activity = match key.status {
                Some(StatusType::Active) => Activity::Active,
                _ => Activity::Inactive,
            };
            let last_used = self.last_used(&id).await?;
            keys.push(AccessKey { id, activity, created, last_used });
        }
        Ok(keys)
    }

    /// The new key's id and its secret.
    pub async fn create(&self, user: &str) -> Result<(String, Secret), AccessKeysError> {
        let what = || format!("no key can be created for `{user}`");
        let created = self.client.create_access_key().user_name(user).send().await;
        let created = created.map_err(|error| failed(what(), &DisplayErrorContext(&error)))?;
        let key = created.access_key.ok_or_else(|| failed(what(), &"it says no key"))?;
        Ok((key.access_key_id, Secret::new(key.secret_access_key)))
    }

    pub async fn deactivate(&self, user: &str, id: &str) -> Result<(), AccessKeysError> {
        let update = self.client.update_access_key().user_name(user).access_key_id(id);
        let updated = update.status(StatusType::Inactive).send().await;
        let what = format!("`{id}` cannot be deactivated");
        updated.map(drop).map_err(|error| failed(what, &DisplayErrorContext(&error)))
    }

    pub async fn delete(&self, user: &str, id: &str) -> Result<(), AccessKeysError> {
        let deleted = self.client.delete_access_key().user_name(user).access_key_id(id).send().await;
        let what = format!("`{id}` cannot be deleted");
        deleted.map(drop).map_err(|error| failed(what, &DisplayErrorContext(&error)))
    }

    async fn last_used(&self, id: &str) -> Result<Option<SystemTime>, AccessKeysError> {
        let asked = self.client.get_access_key_last_used().access_key_id(id).send().await;
        let what = format!("when `{id}` was used cannot be asked");
        let found = asked.map_err(|error| failed(what, &DisplayErrorContext(&error)))?;
        let date = found.access_key_last_used.and_then(|used| used.last_used_date);
        Ok(date.and_then(|date| SystemTime::try_from(date).ok()))
    }
}

fn failed(what: String, reason: &dyn std::fmt::Display) -> AccessKeysError {
    AccessKeysError { what, reason: reason.to_string() }
}
