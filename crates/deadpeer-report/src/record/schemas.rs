//! `schemas/` says what the JSON lines look like, and these tests that it says so truly.
//!
//! After a change of a record: `SNAPSHOTS=overwrite cargo test -p deadpeer-report schemas`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use deadpeer_core::close_reason::CloseCause;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use super::Line;

#[test]
fn schemas_are_up_to_date() {
    for (kind, schema) in super::line::schemas() {
        let mut text = serde_json::to_string_pretty(&schema).unwrap();
        text.push('\n');
        Assert::new()
            .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
            .eq(
                // Raw: what is normalized has its backslashes turned, and is no JSON any more.
                Data::text(text).raw(),
                Data::read_from(
                    &folder().join(format!("{kind}.json")),
                    Some(DataFormat::Text),
                )
                .raw(),
            );
    }
}

#[test]
fn the_schema_of_a_death_has_every_cause() {
    let schema = std::fs::read_to_string(folder().join("death.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let told = schema["properties"]["cause"]["description"].as_str();
    for cause in CloseCause::ALL.into_iter().chain([CloseCause::Other(0)]) {
        let word = format!("\"{}\"", cause.word());
        assert!(told.unwrap().contains(&word), "{word}");
    }
}

#[test]
fn every_type_has_a_row_in_the_table() {
    let table = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for kind in Line::TYPES {
        let row = format!("| [`{kind}`]({kind}.json) |");
        assert!(table.contains(&row), "{kind}");
    }
}

/// Each example is read and written again: nothing of it is unknown, and nothing is lost.
#[test]
fn every_example_of_every_type_is_read_back() {
    let mut seen = BTreeSet::new();
    for kind in Line::TYPES {
        let path = folder().join(format!("examples/{kind}.jsonl"));
        let lines = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for example in lines.lines() {
            let written: Value = serde_json::from_str(example).unwrap();
            assert_eq!(written["type"], *kind, "{example}");
            let line: Line = serde_json::from_str(example)
                .unwrap_or_else(|error| panic!("{kind}: {error}: {example}"));
            assert_eq!(serde_json::to_value(&line).unwrap(), written, "{example}");
            seen.insert(*kind);
        }
    }
    assert_eq!(seen, Line::TYPES.iter().copied().collect(), "an empty file");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

/// The schema of what is written: every field is there, unknown ones as null. schemars leaves out
/// the tag that serde adds to a struct.
pub(super) fn schema<T: JsonSchema>(kind: &str) -> schemars::Schema {
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
