//! Families of metrics on their way to the encoder.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use crate::api::figures::HistogramFigures;

/// All families so far.
#[derive(Debug, Default)]
pub(super) struct Page(Vec<MetricFamily>);

/// A family, to be filled.
pub(super) struct Family<'p> {
    page: &'p mut Page,
    family: MetricFamily,
}

/// A label: its name and its value.
type Label<'l> = (&'static str, &'l str);

impl Page {
    /// Something that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::GAUGE)
    }

    /// Something that only grows; its name ends with `_total`.
    pub(super) fn counter(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::COUNTER)
    }

    /// How long things took, in seconds.
    pub(super) fn histogram(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::HISTOGRAM)
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Family { page: self, family }
    }

    /// Those that have a metric: an empty one has nothing to say.
    pub(super) fn into_families(self) -> Vec<MetricFamily> {
        self.0.into_iter().filter(|family| !family.get_metric().is_empty()).collect()
    }
}

#[cfg(test)]
impl Page {
    /// What a scrape reads, without the comments.
    pub(super) fn lines(self) -> String {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.into_families());
        let text = text.expect("families are whole");
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<&str>>().join("\n")
    }
}

impl Family<'_> {
    /// A value under its labels.
    pub(super) fn put(&mut self, labels: &[Label<'_>], value: f64) {
        let mut metric = labelled(labels);
        match self.family.get_field_type() {
            MetricType::COUNTER => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED | MetricType::HISTOGRAM => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        self.family.mut_metric().push(metric);
    }

    /// 1 for what is, 0 for what is not.
    pub(super) fn flag(&mut self, labels: &[Label<'_>], is: bool) {
        self.put(labels, f64::from(u8::from(is)));
    }

    /// A value with no labels, and the end of the family.
    pub(super) fn only(mut self, value: f64) {
        self.put(&[], value);
    }

    /// A histogram under its labels.
    pub(super) fn put_histogram(&mut self, labels: &[Label<'_>], figures: &HistogramFigures) {
        let bucket = |(bound, count): &(f64, u64)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(*count);
            bucket
        };
        let mut histogram = Histogram::default();
        histogram.set_bucket(figures.buckets.iter().map(bucket).collect());
        histogram.set_sample_count(figures.count);
        histogram.set_sample_sum(figures.sum);
        let mut metric = labelled(labels);
        metric.set_histogram(histogram);
        self.family.mut_metric().push(metric);
    }
}

/// A family is on its page as soon as nobody fills it any more.
impl Drop for Family<'_> {
    fn drop(&mut self) {
        self.page.0.push(std::mem::take(&mut self.family));
    }
}

fn labelled(labels: &[Label<'_>]) -> Metric {
    let pair = |(name, value): &Label<'_>| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    let mut metric = Metric::default();
    metric.set_label(labels.iter().map(pair).collect());
    metric
}
