//! One mail of a region, told so that people and tools can send it.

use crate::compare::axis::Axis;
use crate::compare::ground::Ground;
use crate::compare::ground::sample_address;

/// A mail. What it does not say does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Example {
    pub app: String,
    pub mail_from: String,
    pub from: String,
    pub display_name: Option<String>,
    pub sender: Option<String>,
    pub resent_from: Option<String>,
    pub to: Vec<String>,
    pub reply_to: Vec<String>,
    pub client: Option<String>,
    pub transport: Option<String>,
    pub time: Option<String>,
    pub octets: Option<String>,
    pub configuration_set: Option<String>,
    pub listener: Option<String>,
    pub source_vpc: Option<String>,
    pub source_vpce: Option<String>,
}

impl Example {
    /// The mail that has the given point of each axis.
    pub fn new(ground: &Ground, axes: &[Axis], places: &[usize]) -> Self {
        let mut example = Self::default();
        for (axis, place) in axes.iter().zip(places) {
            let Some(point) = axis.points.get(*place) else { continue };
            let values = point.shown.clone();
            let one = values.first().cloned();
            match axis.name {
                "app" => example.app = one.unwrap_or_default(),
                "from" => example.from = one.unwrap_or_default(),
                "mail from" => example.mail_from = one.unwrap_or_default(),
                "display name" => example.display_name = one,
                "sender" => example.sender = one,
                "resent-from" => example.resent_from = one,
                "to" => example.to = values,
                "reply-to" => example.reply_to = values,
                "client" => example.client = one,
                "transport" => example.transport = one,
                "time" => example.time = one,
                "octets" => example.octets = one,
                "configuration set" => example.configuration_set = one,
                "listener" => example.listener = one,
                "source vpc" => example.source_vpc = one,
                "source vpce" => example.source_vpce = one,
                _ => {}
            }
        }
        if example.mail_from.is_empty() {
            example.mail_from.clone_from(&example.from);
        }
        if example.to.is_empty() {
            // Nothing depends on the recipient: any will do.
            let sample = ground.identities.first().and_then(sample_address);
            example.to.extend(sample.map(|address| address.as_str().to_owned()));
        }
        example
    }

    /// Its parts by name, in the order in which one would tell them.
    pub fn parts(&self) -> Vec<(&'static str, String)> {
        let one = |value: &Option<String>| value.clone().unwrap_or_default();
        let parts = [
            ("app", self.app.clone()),
            ("client", one(&self.client)),
            ("transport", one(&self.transport)),
            ("listener", one(&self.listener)),
            ("mail_from", self.mail_from.clone()),
            ("to", self.to.join(", ")),
            ("from", self.from.clone()),
            ("display_name", one(&self.display_name)),
            ("sender", one(&self.sender)),
            ("resent_from", one(&self.resent_from)),
            ("reply_to", self.reply_to.join(", ")),
            ("octets", one(&self.octets)),
            ("time", one(&self.time)),
            ("configuration_set", one(&self.configuration_set)),
            ("source_vpc", one(&self.source_vpc)),
            ("source_vpce", one(&self.source_vpce)),
        ];
        parts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }
}
