//! `schemas/` says what the JSON lines look like, and this test that it says so truly.
//!
//! After a change of an output struct: `SNAPSHOTS=overwrite cargo test -p deadpeer-cli schemas`.

use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::json;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use crate::explain::json::{CaptureJson, GroupJson, PacketJson, StoryJson};

#[test]
fn schemas_are_up_to_date() {
    check::<CaptureJson>("capture");
    check::<GroupJson>("group");
    check::<PacketJson>("packet");
    check::<StoryJson>("story");
}

fn check<T: JsonSchema>(kind: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../schemas")
        .join(format!("{kind}.json"));
    let mut text = serde_json::to_string_pretty(&schema::<T>(kind)).unwrap();
    text.push('\n');
    Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .eq(
            // Raw: what is normalized has its backslashes turned, and is no JSON any more.
            Data::text(text).raw(),
            Data::read_from(&path, Some(DataFormat::Text)).raw(),
        );
}

/// The schema of what is written: every field is there, unknown ones as null. schemars leaves out
/// the tag that serde adds to a struct.
fn schema<T: JsonSchema>(kind: &str) -> schemars::Schema {
    let generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".into(), kind.into());
    if let Some(properties) = schema
        .pointer_mut("/properties")
        .and_then(|all| all.as_object_mut())
    {
        properties.insert("type".into(), json!({ "const": kind }));
    }
    if let Some(required) = schema
        .pointer_mut("/required")
        .and_then(|all| all.as_array_mut())
    {
        required.insert(0, "type".into());
    }
    schema
}
