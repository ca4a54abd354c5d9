//! Enums whose values have a name each.

/// Declares an enum with its values' names beside them: `name` gives them, `ALL` lists the values
/// in their order.
macro_rules! named {
    (
        $(#[$about:meta])*
        $seen:vis enum $Enum:ident {
            $($(#[$of_value:meta])* $Value:ident = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        $seen enum $Enum {
            $($(#[$of_value])* $Value,)+
        }

        impl $Enum {
            /// All of them, in the order in which they are shown.
            $seen const ALL: [Self; [$($name),+].len()] = [$(Self::$Value),+];

            /// The name that people write and read.
            #[must_use]
            $seen const fn name(self) -> &'static str {
                match self {
                    $(Self::$Value => $name,)+
                }
            }
        }
    };
}
