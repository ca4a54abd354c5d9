//! Socket options as the file writes them: by the kernel's names, each with its unit; what is not
//! touched is left out.

use std::collections::BTreeMap;

use deadpeer_core::{Setting, SocketOption, SocketOptions};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Switch(bool),
    Number(u32),
}

pub(super) fn serialize<S: Serializer>(
    options: &SocketOptions,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(SocketOption::ALL.into_iter().filter_map(|option| {
        let value = match options.get(option)? {
            on if option == SocketOption::Keepalive => Value::Switch(on != 0),
            number => Value::Number(number),
        };
        Some((option.facts().field, value))
    }))
}

/// Refuses values that the kernel would refuse.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SocketOptions, D::Error> {
    let values = BTreeMap::<String, Value>::deserialize(deserializer)?;
    let mut options = SocketOptions::default();
    for (field, value) in values {
        let named = |option: &SocketOption| option.facts().field == field;
        let option = SocketOption::ALL.into_iter().find(named);
        options.put(match (option, value) {
            (Some(SocketOption::Keepalive), Value::Switch(on)) => {
                Setting::new(SocketOption::Keepalive, on.into())
            }
            (Some(option), Value::Number(number)) if option != SocketOption::Keepalive => {
                Setting::new(option, number)
            }
            (Some(_), _) => return Err(D::Error::custom(format!("{field} has another type"))),
            (None, _) => return Err(D::Error::custom(format!("unknown option {field}"))),
        });
    }
    options.check().map_err(D::Error::custom)?;
    Ok(options)
}
