//! The options as C.

use std::fmt::Write as _;

use deadpeer_core::SocketOptions;

use super::counts;

/// A C function that sets the options; `promise` is said above it.
pub(in crate::plan) fn c(options: &SocketOptions, promise: &str) -> String {
    let mut code = String::from(
        "#include <netinet/in.h>\n#include <netinet/tcp.h>\n#include <stddef.h>\n#include <sys/socket.h>\n\n",
    );
    for setting in options.settings() {
        let facts = setting.option.facts();
        // Younger than some C libraries.
        if facts.since.is_some() {
            let (name, number) = (facts.name, facts.number);
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(code, "#ifndef {name}\n#define {name} {number}\n#endif\n");
        }
    }
    let _ = writeln!(
        code,
        "/* {promise}\n   Returns 0, or -1 with errno and the options before the refused one set. */\n\
         int notice_vanished_peer(int fd)\n{{\n    static const struct {{ int level, option, value; }} settings[] = {{"
    );
    for setting in options.settings() {
        let facts = setting.option.facts();
        let (level, name, value) = (facts.level, facts.name, setting.value);
        let _ = writeln!(
            code,
            "        {{ {level}, {name}, {value} }}, /* {} */",
            counts(setting)
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
    use super::super::tests::everything;
    use super::*;

    #[test]
    fn young_options_are_defined_only_if_used() {
        let everything = everything();
        let code = c(&everything, "A promise.");
        assert!(code.contains("#define TCP_RTO_MAX_MS 44\n"));
        let mut old = everything;
        old.rto_max_ms = None;
        assert!(!c(&old, "A promise.").contains("TCP_RTO_MAX_MS"));
    }
}
