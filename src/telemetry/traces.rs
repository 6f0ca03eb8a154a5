//! Traces by OpenTelemetry, where the standard variables name a collector; otherwise nothing of it runs.
//!
//! Spans are made here and nowhere else, from what is known at the end: so no library's span, with whatever it holds, can
//! ever go out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use opentelemetry_sdk::{Resource, runtime};
use tokio::time::Instant;

use super::Request;
use crate::renewal::Report;

/// The variables that name a collector.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
/// How long a stop waits until what was gathered is sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where spans go. Clones share it.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Inner>>);

struct Inner {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// As the environment says; needs a Tokio runtime where a collector is named.
    ///
    /// # Errors
    /// A variable holds something that is none.
    pub fn new(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ExporterBuildError> {
        let named = |name: &&str| env(name).is_some_and(|value| !value.trim().is_empty());
        if !ENDPOINTS.iter().any(named) {
            return Ok(Self::default());
        }
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .build()?;
        let exporter = Told {
            exporter,
            failing: AtomicBool::new(false),
        };
        let mut resource = Resource::builder();
        if env("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("jarkeeper");
        }
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter, runtime::Tokio).build())
            .with_resource(resource.with_attribute(version).build())
            .build();
        let tracer = provider.tracer("jarkeeper");
        Ok(Self(Some(Arc::new(Inner { provider, tracer }))))
    }

    /// Whether spans go anywhere.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A request that was answered. `parent` is the caller's `traceparent` (W3C Trace Context), `principal` the id by which
    /// the caller is known.
    pub fn request(&self, request: &Request, principal: Option<&str>, parent: Option<&str>) {
        let Some(inner) = &self.0 else {
            return;
        };
        let context = match parent {
            Some(parent) => {
                let carrier = HashMap::from([("traceparent".to_owned(), parent.to_owned())]);
                TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
            }
            None => Context::new(),
        };
        let mut attributes = vec![
            KeyValue::new("http.request.method", request.method),
            KeyValue::new("http.route", request.route.clone()),
            KeyValue::new("http.response.status_code", i64::from(request.status)),
        ];
        if let Some(principal) = principal {
            attributes.push(KeyValue::new("jarkeeper.principal", principal.to_owned()));
        }
        let name = format!("{} {}", request.method, request.route);
        let failed = request.status >= 500;
        inner.span(
            name,
            SpanKind::Server,
            attributes,
            failed,
            request.took,
            &context,
        );
    }

    /// A renewal that came to its end.
    pub fn renewal(&self, report: &Report) {
        let Some(inner) = &self.0 else {
            return;
        };
        let mut attributes = vec![
            KeyValue::new("jarkeeper.site", report.key.site.to_string()),
            KeyValue::new("jarkeeper.session", report.key.to_string()),
            KeyValue::new("jarkeeper.cause", format!("{:?}", report.cause)),
            KeyValue::new("jarkeeper.how", format!("{:?}", report.how)),
        ];
        if let Some(failure) = &report.failure {
            attributes.push(KeyValue::new("jarkeeper.class", failure.class.word()));
        }
        let failed = !report.ok();
        let context = Context::new();
        inner.span(
            "renewal".to_owned(),
            SpanKind::Internal,
            attributes,
            failed,
            report.took,
            &context,
        );
    }

    /// Sends what was gathered, and ends.
    pub async fn close(self) {
        let Some(inner) = self.0 else {
            return;
        };
        let began = Instant::now();
        // It blocks, and the sending needs the runtime.
        let provider = inner.provider.clone();
        let closing = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(PATIENCE));
        match tokio::time::timeout(PATIENCE, closing).await {
            Ok(Ok(Ok(()))) => tracing::debug!(took = ?began.elapsed(), "traces were sent"),
            Ok(Ok(Err(error))) => tracing::warn!("the last traces were not sent: {error}"),
            Ok(Err(_)) | Err(_) => tracing::warn!("the last traces were not sent in time"),
        }
    }
}

impl Inner {
    /// One span, which ends now.
    fn span(
        &self,
        name: String,
        kind: SpanKind,
        attributes: Vec<KeyValue>,
        failed: bool,
        took: Duration,
        context: &Context,
    ) {
        let end = SystemTime::now();
        let builder = self
            .tracer
            .span_builder(name)
            .with_kind(kind)
            .with_start_time(end.checked_sub(took).unwrap_or(end))
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(builder, context);
        if failed {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(end);
    }
}

/// Says once that spans do not arrive, and once that they do again.
#[derive(Debug)]
struct Told {
    exporter: opentelemetry_otlp::SpanExporter,
    failing: AtomicBool,
}

impl SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let done = self.exporter.export(batch).await;
        let failed = done.is_err();
        if failed != self.failing.swap(failed, Ordering::Relaxed) {
            match &done {
                Err(error) => tracing::warn!("traces do not reach their collector: {error}"),
                Ok(()) => tracing::info!("traces reach their collector again"),
            }
        }
        done
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_collector_nothing_runs() {
        // There is no runtime here: anything that ran would panic.
        for value in [None, Some(" ")] {
            let traces = Traces::new(&|_| value.map(str::to_owned)).unwrap();
            assert!(!traces.is_on());
        }
    }
}
