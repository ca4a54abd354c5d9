//! The options as C.

use std::fmt::Write as _;

use deadpeer_core::SocketOptions;

use super::setting::{Setting, settings};

/// Options that are younger than some C libraries, with their numbers (include/uapi/linux/tcp.h).
const YOUNG: [(&str, u32); 2] = [("TCP_USER_TIMEOUT", 18), ("TCP_RTO_MAX_MS", 44)];

/// A C function that sets the options; `promise` is said above it.
pub(in crate::plan) fn c(options: &SocketOptions, promise: &str) -> String {
    let settings = settings(options);
    let mut code = String::from(
        "#include <netinet/in.h>\n#include <netinet/tcp.h>\n#include <stddef.h>\n#include <sys/socket.h>\n\n",
    );
    for (option, number) in YOUNG {
        if settings.iter().any(|setting| setting.option == option) {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(
                code,
                "#ifndef {option}\n#define {option} {number}\n#endif\n"
            );
        }
    }
    let _ = writeln!(
        code,
        "/* {promise}\n   Returns 0, or -1 with errno and the options before the refused one set. */\n\
         int notice_vanished_peer(int fd)\n{{\n    static const struct {{ int level, option, value; }} settings[] = {{"
    );
    for Setting {
        level,
        option,
        value,
        unit,
    } in &settings
    {
        let _ = writeln!(
            code,
            "        {{ {level}, {option}, {value} }}, /* {unit} */"
        );
    }
    code.push_str(
        "    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (setsockopt(fd, settings[i].level, settings[i].option, &settings[i].value,
                       sizeof settings[i].value) != 0)
            return -1;
    return 0;
}
",
    );
    code
}

#[cfg(test)]
mod tests {
    use super::super::setting::tests::everything;
    use super::*;

    #[test]
    fn young_options_are_defined_only_if_used() {
        let code = c(&everything(), "A promise.");
        assert!(code.contains("#define TCP_RTO_MAX_MS 44\n"));
        let mut old = everything();
        old.rto_max_ms = None;
        assert!(!c(&old, "A promise.").contains("TCP_RTO_MAX_MS"));
    }
}
