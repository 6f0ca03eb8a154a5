//! Numbers, in the text format that Prometheus reads (OpenMetrics 1.0).

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::process;
use crate::renewal::{How, Report};

/// The type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds of a renewal's time, seconds: a probe takes moments, a login with a code minutes.
const RENEWAL: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Bounds of a request's time, seconds.
const REQUEST: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RenewalLabels {
    site: String,
    how: &'static str,
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HowLabel {
    how: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

/// A request that was answered.
#[derive(Debug, Clone)]
pub struct Request {
    /// A method of HTTP that is known; anything else is `other`.
    pub method: &'static str,
    /// The template of the route: `/v1/leases/{id}`; `none` where there is no such operation.
    pub route: String,
    /// The status of the answer.
    pub status: u16,
    /// How long the answer took.
    pub took: Duration,
}

/// What is true at the moment of reading.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    /// Sessions that the recipes ask for.
    pub sessions: usize,
    /// Those of them that are known to be alive.
    pub alive: usize,
    /// Those of them that wait for a person.
    pub held: usize,
    /// Sessions that are being renewed or wait for a place.
    pub queue: usize,
    /// Leases that run.
    pub leases: usize,
    /// The number of the newest event.
    pub newest_event: i64,
    /// Callers that follow events.
    pub followers: usize,
    /// Deliveries to webhooks that wait.
    pub deliveries: u64,
    /// How long the oldest of those that are due has waited.
    pub delivery_lag: Duration,
}

/// The numbers. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    renewals: Family<RenewalLabels, Counter>,
    renewal_times: Family<HowLabel, Histogram>,
    requests: Family<RequestLabels, Counter>,
    request_times: Family<RouteLabel, Histogram>,
    gauges: Gauges,
}

macro_rules! gauges {
    ($($name:ident, $shown:literal, $unit:expr, $help:literal;)*) => {
        #[derive(Default)]
        struct Gauges { $($name: Gauge,)* }

        impl Gauges {
            fn register(&self, registry: &mut Registry) {
                $(match $unit {
                    None => registry.register($shown, $help, self.$name.clone()),
                    Some(unit) => registry.register_with_unit($shown, $help, unit, self.$name.clone()),
                })*
            }
        }
    };
}

gauges! {
    sessions, "jarkeeper_sessions", None::<Unit>, "Sessions that the recipes ask for";
    alive, "jarkeeper_sessions_alive", None::<Unit>, "Sessions that are known to be alive";
    held, "jarkeeper_sessions_held", None::<Unit>, "Sessions that wait for a person";
    queue, "jarkeeper_renewal_queue", None::<Unit>, "Sessions that are being renewed or wait for a place";
    leases, "jarkeeper_leases", None::<Unit>, "Leases that run";
    newest_event, "jarkeeper_events_newest", None::<Unit>, "Number of the newest event";
    followers, "jarkeeper_event_streams", None::<Unit>, "Callers that follow events";
    deliveries, "jarkeeper_webhook_deliveries_waiting", None::<Unit>, "Deliveries to webhooks that wait";
    delivery_lag, "jarkeeper_webhook_lag", Some(Unit::Seconds), "How long the oldest delivery that is due has waited";
    resident, "process_resident_memory", Some(Unit::Bytes), "Memory in RAM";
    threads, "process_threads", None::<Unit>, "Threads";
    files, "process_open_fds", None::<Unit>, "Open files and sockets";
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let renewals = Family::<RenewalLabels, Counter>::default();
        let renewal_times =
            Family::<HowLabel, Histogram>::new_with_constructor(|| Histogram::new(RENEWAL));
        let requests = Family::<RequestLabels, Counter>::default();
        let request_times =
            Family::<RouteLabel, Histogram>::new_with_constructor(|| Histogram::new(REQUEST));
        let gauges = Gauges::default();
        registry.register(
            "jarkeeper_renewals",
            "Renewals that came to an end, by site, how they ended and the class of the failure",
            renewals.clone(),
        );
        registry.register_with_unit(
            "jarkeeper_renewal_duration",
            "How long renewals took",
            Unit::Seconds,
            renewal_times.clone(),
        );
        registry.register(
            "jarkeeper_http_requests",
            "Requests that were answered, by route",
            requests.clone(),
        );
        registry.register_with_unit(
            "jarkeeper_http_request_duration",
            "How long answers took",
            Unit::Seconds,
            request_times.clone(),
        );
        gauges.register(&mut registry);
        Self(Arc::new(Inner {
            registry,
            renewals,
            renewal_times,
            requests,
            request_times,
            gauges,
        }))
    }
}

impl Metrics {
    /// Counts a renewal.
    pub fn renewed(&self, report: &Report) {
        let how = word(report.how);
        let labels = RenewalLabels {
            site: report.key.site.to_string(),
            how,
            class: report
                .failure
                .as_ref()
                .map_or("", |failure| failure.class.word()),
        };
        self.0.renewals.get_or_create(&labels).inc();
        let times = self.0.renewal_times.get_or_create(&HowLabel { how });
        times.observe(report.took.as_secs_f64());
    }

    /// Counts a request.
    pub fn answered(&self, request: Request) {
        let route = request.route.clone();
        let times = self.0.request_times.get_or_create(&RouteLabel { route });
        times.observe(request.took.as_secs_f64());
        let labels = RequestLabels {
            method: request.method,
            route: request.route,
            status: request.status,
        };
        self.0.requests.get_or_create(&labels).inc();
    }

    /// All numbers as text.
    ///
    /// # Errors
    /// The text cannot be made; it is a bug.
    pub fn text(&self, now: &Now) -> Result<String, std::fmt::Error> {
        let gauges = &self.0.gauges;
        let set = |gauge: &Gauge, number: usize| {
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        };
        set(&gauges.sessions, now.sessions);
        set(&gauges.alive, now.alive);
        set(&gauges.held, now.held);
        set(&gauges.queue, now.queue);
        set(&gauges.leases, now.leases);
        set(&gauges.followers, now.followers);
        gauges.newest_event.set(now.newest_event);
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        gauges.deliveries.set(whole(now.deliveries));
        gauges.delivery_lag.set(whole(now.delivery_lag.as_secs()));
        let process = process::look();
        gauges.resident.set(process.resident);
        gauges.threads.set(process.threads);
        gauges.files.set(process.files);
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

fn word(how: How) -> &'static str {
    match how {
        How::Kept => "kept",
        How::Probed => "probed",
        How::Extended => "extended",
        How::LoggedIn => "logged_in",
        How::Held => "held",
        How::Busy => "busy",
        How::Failed => "failed",
    }
}
