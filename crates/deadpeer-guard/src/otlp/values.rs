//! Values as OTLP writes them in JSON: as Protocol Buffers do, where a number of 64 bits is text.

use std::time::SystemTime;

use serde_json::{Value, json};

/// Attributes, in their order.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<Value>);

impl Attributes {
    pub(super) fn text(&mut self, key: &str, value: impl Into<String>) {
        self.put(key, json!({ "stringValue": value.into() }));
    }

    /// A whole number; what doesn't fit is the largest.
    pub(super) fn number(&mut self, key: &str, value: impl TryInto<i64>) {
        let value = value.try_into().unwrap_or(i64::MAX);
        self.put(key, json!({ "intValue": value.to_string() }));
    }

    pub(super) fn share(&mut self, key: &str, value: f64) {
        self.put(key, json!({ "doubleValue": value }));
    }

    pub(super) fn truth(&mut self, key: &str, value: bool) {
        self.put(key, json!({ "boolValue": value }));
    }

    pub(super) fn end(self) -> Value {
        Value::Array(self.0)
    }

    fn put(&mut self, key: &str, value: Value) {
        self.0.push(json!({ "key": key, "value": value }));
    }
}

/// A moment.
pub(super) fn nanoseconds(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos().to_string()
}

/// Who tells.
pub(super) fn resource() -> Value {
    let mut attributes = Attributes::default();
    attributes.text("service.name", "deadpeer-guard");
    attributes.text("service.version", env!("CARGO_PKG_VERSION"));
    let uname = rustix::system::uname();
    attributes.text("host.name", uname.nodename().to_string_lossy());
    json!({ "attributes": attributes.end() })
}

/// By what.
pub(super) fn scope() -> Value {
    json!({ "name": "deadpeer", "version": env!("CARGO_PKG_VERSION") })
}
