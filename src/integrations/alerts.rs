//! What both sources of alerts share: how labels enter, which key an alert has, and who maps its severity.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::SeverityMap;
use crate::domain::Text;
use crate::domain::alert::{Labels, Severity};
use crate::domain::text::{clean, clean_lines};

/// The configuration's mapping from labels to severity.
pub type SeverityOf = Arc<dyn Fn(&Labels) -> Severity + Send + Sync>;

/// The mapping that a loaded configuration says.
pub fn severity_by(map: SeverityMap) -> SeverityOf {
    Arc::new(move |labels| map.severity_of(labels))
}

/// Labels as they are on the wire. Sorted by bytes, which the fingerprint needs.
pub type WireLabels = BTreeMap<String, String>;

/// The fingerprint by which Alertmanager knows a label set: 64-bit FNV-1a over names and values in name order, each
/// followed by the byte 255 (`LabelSet.Fingerprint` of prometheus/common). Taken from what is on the wire, before
/// cleaning, so that both sources give one alert one key, as long as Prometheus adds no external labels on the way.
pub fn fingerprint(labels: &WireLabels) -> Text {
    const OFFSET: u64 = 14_695_981_039_346_656_037;
    const PRIME: u64 = 1_099_511_628_211;
    let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    let hash = labels
        .iter()
        .flat_map(|(name, value)| [name, value])
        .fold(OFFSET, |hash, text| add(text.bytes().fold(hash, add), 255));
    format!("{hash:016x}").into()
}

/// Cleans labels: names and values of one line.
pub fn labels(wire: &WireLabels) -> Labels {
    wire.iter().map(|(name, value)| (clean(name).into(), clean(value).into())).collect()
}

/// Cleans annotations: they may have several lines.
pub fn annotations(wire: &WireLabels) -> Labels {
    wire.iter().map(|(name, value)| (clean(name).into(), clean_lines(value.trim()).into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_alertmanager() {
        assert_eq!(&*fingerprint(&WireLabels::new()), "cbf29ce484222325");
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let one: WireLabels = labels(&[("alertname", "Watchdog"), ("severity", "none")]);
        let other: WireLabels = labels(&[("severity", "none"), ("alertname", "Watchdog")]);
        assert_eq!(fingerprint(&one), fingerprint(&other));
        // What an Alertmanager 0.25 answered for this set.
        let seen = labels(&[("alertname", "Always"), ("service", "payment"), ("severity", "critical")]);
        assert_eq!(&*fingerprint(&seen), "8d73125730883caa");
        // The separators matter: moving a letter from name to value is another set.
        assert_ne!(fingerprint(&labels(&[("ab", "c")])), fingerprint(&labels(&[("a", "bc")])));
    }
}
