//! What all messages have: attributes, moments, who tells.

use std::time::SystemTime;

use super::proto::{Any, AnyValue, KeyValue, Resource, Scope};

/// Attributes, in their order.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(super) fn text(&mut self, key: &str, value: impl Into<String>) {
        self.put(key, Any::Text(value.into()));
    }

    /// A whole number; what doesn't fit is the largest.
    pub(super) fn number(&mut self, key: &str, value: impl TryInto<i64>) {
        self.put(key, Any::Number(value.try_into().unwrap_or(i64::MAX)));
    }

    pub(super) fn share(&mut self, key: &str, value: f64) {
        self.put(key, Any::Share(value));
    }

    pub(super) fn truth(&mut self, key: &str, value: bool) {
        self.put(key, Any::Truth(value));
    }

    pub(super) fn end(self) -> Vec<KeyValue> {
        self.0
    }

    fn put(&mut self, key: &str, value: Any) {
        self.0.push(KeyValue {
            key: key.to_owned(),
            value: Some(any(value)),
        });
    }
}

pub(super) fn any(value: Any) -> AnyValue {
    AnyValue { value: Some(value) }
}

/// A moment.
pub(super) fn nanoseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// Who tells.
pub(super) fn resource() -> Resource {
    let mut attributes = Attributes::default();
    attributes.text("service.name", "deadpeer-guard");
    attributes.text("service.version", env!("CARGO_PKG_VERSION"));
    let uname = rustix::system::uname();
    attributes.text("host.name", uname.nodename().to_string_lossy());
    Resource {
        attributes: attributes.end(),
    }
}

/// By what.
pub(super) fn scope() -> Scope {
    Scope {
        name: "deadpeer".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
