//! A user, by name or number.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::str::FromStr;

/// A user, as a filter writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum User {
    /// By number, whether it has a name or not.
    Id(u32),
    /// By the name in the user database.
    Name(String),
}

impl User {
    /// The number; `None`: nobody has that name now. The user database may ask the network.
    ///
    /// # Errors
    /// The database could not be asked.
    pub fn id(&self) -> io::Result<Option<u32>> {
        match self {
            Self::Id(id) => Ok(Some(*id)),
            Self::Name(name) => {
                let user = nix::unistd::User::from_name(name)?;
                Ok(user.map(|user| user.uid.as_raw()))
            }
        }
    }

    /// The name of a user's number in the user database; `None`: it has none, or the database could
    /// not be asked.
    #[must_use]
    pub fn name_of(id: u32) -> Option<String> {
        let user = nix::unistd::User::from_uid(id.into()).ok()??;
        Some(user.name)
    }
}

impl FromStr for User {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.parse().map(Self::Id);
        Ok(id.unwrap_or_else(|_| Self::Name(text.to_owned())))
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<u32> {
        let Ok(user) = text.parse::<User>();
        user.id().unwrap()
    }

    #[test]
    fn root_is_a_user_and_so_is_a_number() {
        assert_eq!(id("root"), Some(0));
        assert_eq!(id("12345"), Some(12_345));
        assert_eq!(id("no-such-user-anywhere"), None);
    }
}
