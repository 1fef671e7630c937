//! Counting what happens, for dashboards and alerts. The one home of the `prometheus-client` crate.
//!
//! Each folder owns a struct of [`Tally`]s and [`Timings`] for what it does, and counts whether anybody looks or
//! not; `app` gives them their names in a [`Metrics`], which the admin listener shows as `OpenMetrics` text. What
//! already has a number, such as a pool, is asked for it when somebody looks.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelValue, EncodeMetric, LabelValueEncoder, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// In seconds: from a judgement, some ten microseconds, to the ten minutes that SES may think about a mail.
const SECONDS: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0, 60.0, 600.0,
];

/// The value of a label. It must come from a set that no client can make larger.
#[derive(Debug, Clone)]
pub enum Word {
    Fixed(&'static str),
    Shared(Arc<str>),
}

type Labels<const N: usize> = [(&'static str, Word); N];

/// How often something happened, for each combination of `N` labels.
#[derive(Debug, Clone)]
pub struct Tally<const N: usize> {
    labels: [&'static str; N],
    counts: Family<Labels<N>, Counter>,
}

/// How long something took, for each combination of `N` labels.
#[derive(Debug, Clone)]
pub struct Timings<const N: usize> {
    labels: [&'static str; N],
    times: Family<Labels<N>, Histogram>,
}

/// Everything that is counted, by name.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    described: Vec<Description>,
}

/// A metric as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// With prefix and suffix, as it stands in an alert rule.
    pub name: String,
    pub kind: &'static str,
    pub labels: Vec<&'static str>,
}

impl<const N: usize> Tally<N> {
    pub fn new(labels: [&'static str; N]) -> Self {
        let tally = Self { labels, counts: Family::default() };
        if N == 0 {
            // What never happened is 0 then, not absent.
            tally.add(std::array::from_fn(|_| Word::Fixed("")), 0);
        }
        tally
    }

    /// Tells how often it was with this time.
    pub fn count(&self, values: [Word; N]) -> u64 {
        self.add(values, 1)
    }

    pub fn add(&self, values: [Word; N], more: u64) -> u64 {
        self.counts.get_or_create(&named(self.labels, values)).inc_by(more).saturating_add(more)
    }
}

impl<const N: usize> Timings<N> {
    pub fn new(labels: [&'static str; N]) -> Self {
        Self { labels, times: Family::new_with_constructor(|| Histogram::new(SECONDS)) }
    }

    pub fn observe(&self, values: [Word; N], time: Duration) {
        self.times.get_or_create(&named(self.labels, values)).observe(time.as_secs_f64());
    }
}

fn named<const N: usize>(labels: [&'static str; N], values: [Word; N]) -> Labels<N> {
    let mut labels = labels.into_iter();
    values.map(|value| (labels.next().unwrap_or_default(), value))
}

impl Default for Metrics {
    fn default() -> Self {
        Self { registry: Registry::with_prefix("sesgate"), described: Vec::new() }
    }
}

impl Metrics {
    /// `sesgate_<name>_total`
    pub fn tally<const N: usize>(&mut self, name: &'static str, help: &'static str, tally: &Tally<N>) {
        self.describe(format!("sesgate_{name}_total"), "counter", tally.labels.to_vec());
        self.registry.register(name, help, tally.counts.clone());
    }

    /// `sesgate_<name>_seconds`
    pub fn timings<const N: usize>(&mut self, name: &'static str, help: &'static str, timings: &Timings<N>) {
        let name = format!("{name}_seconds");
        self.describe(format!("sesgate_{name}"), "histogram", timings.labels.to_vec());
        self.registry.register(name, help, timings.times.clone());
    }

    /// `sesgate_<name>`, read whenever somebody looks.
    pub fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.gauges(name, help, [], move || vec![([], read())]);
    }

    /// `sesgate_<name>` for each combination of labels that there is when somebody looks.
    pub fn gauges<const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        read: impl Fn() -> Vec<([Word; N], f64)> + Send + Sync + 'static,
    ) {
        self.describe(format!("sesgate_{name}"), "gauge", labels.to_vec());
        let kind = MetricType::Gauge;
        self.registry.register_collector(Box::new(Asked { name, help, kind, labels, read: Box::new(read) }));
    }

    /// `sesgate_<name>_total` for each combination of labels, where somebody else counts.
    pub fn counters<const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        read: impl Fn() -> Vec<([Word; N], f64)> + Send + Sync + 'static,
    ) {
        self.describe(format!("sesgate_{name}_total"), "counter", labels.to_vec());
        let kind = MetricType::Counter;
        self.registry.register_collector(Box::new(Asked { name, help, kind, labels, read: Box::new(read) }));
    }

    fn describe(&mut self, name: String, kind: &'static str, labels: Vec<&'static str>) {
        self.described.push(Description { name, kind, labels });
    }

    pub fn descriptions(&self) -> &[Description] {
        &self.described
    }

    /// Everything, as `OpenMetrics` text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Only a writer can fail, and a string does not.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

/// The value for each combination of labels.
type Read<const N: usize> = Box<dyn Fn() -> Vec<([Word; N], f64)> + Send + Sync>;

/// What is asked for when somebody looks.
struct Asked<const N: usize> {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    labels: [&'static str; N],
    read: Read<N>,
}

impl<const N: usize> Collector for Asked<N> {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, self.kind)?;
        for (values, value) in (self.read)() {
            let labels = named(self.labels, values);
            let one = metric.encode_family(&labels)?;
            match self.kind {
                MetricType::Counter => ConstCounter::new(value).encode(one)?,
                _ => ConstGauge::new(value).encode(one)?,
            }
        }
        Ok(())
    }
}

impl<const N: usize> fmt::Debug for Asked<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Word {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Fixed(word) => word,
            Self::Shared(word) => word,
        }
    }
}

impl From<&'static str> for Word {
    fn from(word: &'static str) -> Self {
        Self::Fixed(word)
    }
}

impl From<&Arc<str>> for Word {
    fn from(word: &Arc<str>) -> Self {
        Self::Shared(Arc::clone(word))
    }
}

impl From<String> for Word {
    fn from(word: String) -> Self {
        Self::Shared(word.into())
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Word {}

impl Hash for Word {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Metrics, Tally, Timings, Word};

    #[test]
    fn what_is_counted_is_shown_and_a_label_cannot_forge_a_line() {
        let (mails, plain, steps) = (Tally::new(["app", "effect"]), Tally::new([]), Timings::new(["step"]));
        let mut metrics = Metrics::default();
        metrics.tally("mails", "Mails", &mails);
        metrics.tally("panics", "Panics", &plain);
        metrics.timings("step", "Steps", &steps);
        metrics.gauge("held_octets", "Held", || 7.0);
        metrics.gauges("idle", "Idle", ["endpoint"], || vec![([Word::Fixed("one")], 2.0)]);
        mails.count([Word::from(&Arc::from("bill\"ing\nx 1")), "allow".into()]);
        mails.add([Word::from(&Arc::from("bill\"ing\nx 1")), "allow".into()], 2);
        steps.observe(["judge".into()], Duration::from_micros(60));
        let text = metrics.text();
        for line in [
            r#"sesgate_mails_total{app="bill\"ing\nx 1",effect="allow"} 3"#,
            "sesgate_panics_total{} 0",
            r#"sesgate_step_seconds_bucket{le="0.0001",step="judge"} 1"#,
            "sesgate_held_octets{} 7.0",
            r#"sesgate_idle{endpoint="one"} 2.0"#,
            "# EOF",
        ] {
            assert!(text.lines().any(|said| said == line), "`{line}` is not in\n{text}");
        }
        let names: Vec<&str> = metrics.descriptions().iter().map(|metric| metric.name.as_str()).collect();
        let expected = [
            "sesgate_mails_total",
            "sesgate_panics_total",
            "sesgate_step_seconds",
            "sesgate_held_octets",
            "sesgate_idle",
        ];
        assert_eq!(names, expected);
    }
}
