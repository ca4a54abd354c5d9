//! The options in languages that can set any option by its number.

use std::fmt::Write as _;

use deadpeer_core::SocketOptions;
use deadpeer_core::options::OptionFacts;

use super::counts;

/// One row for each option: its level's name and number, its own, the value, what that counts.
fn rows(options: &SocketOptions, row: impl Fn(&OptionFacts, u32, &str) -> String) -> String {
    let settings = options.settings();
    settings
        .map(|setting| row(setting.option.facts(), setting.value, counts(setting)))
        .collect()
}

/// A Go function that takes what `SyscallConn` of a connection or listener returns.
pub(in crate::plan) fn go(options: &SocketOptions, promise: &str) -> String {
    let rows = rows(options, |facts, value, counts| {
        let (level, number, name) = (facts.level_number, facts.number, facts.name);
        format!("\t\t\t{{{level}, {number}, {value}}}, // {name}, {counts}\n")
    });
    format!(
        "// {promise}
//
// Go sets keepalive itself after each accept and connect: call this for every connection.
func noticeVanishedPeer(raw syscall.RawConn) error {{
\tvar refused error
\terr := raw.Control(func(fd uintptr) {{
\t\tfor _, option := range [][3]int{{
{rows}\t\t}} {{
\t\t\tif refused = syscall.SetsockoptInt(int(fd), option[0], option[1], option[2]); refused != nil {{
\t\t\t\treturn
\t\t\t}}
\t\t}}
\t}})
\tif err != nil {{
\t\treturn err
\t}}
\treturn refused
}}
"
    )
}

/// A Python function that takes a socket.
pub(in crate::plan) fn python(options: &SocketOptions, promise: &str) -> String {
    let rows = rows(options, |facts, value, counts| {
        let (level, number, name) = (facts.level, facts.number, facts.name);
        match name {
            // The module has no name for it yet.
            "TCP_RTO_MAX_MS" => {
                format!("        (socket.{level}, {number}, {value}),  # {name}, {counts}\n")
            }
            _ => format!("        (socket.{level}, socket.{name}, {value}),  # {counts}\n"),
        }
    });
    format!(
        "import socket


def notice_vanished_peer(s):
    \"\"\"{promise}\"\"\"
    for level, option, value in [
{rows}    ]:
        s.setsockopt(level, option, value)
"
    )
}

/// A C# method that takes a socket, .NET 5 and later.
pub(in crate::plan) fn csharp(options: &SocketOptions, promise: &str) -> String {
    let rows = rows(options, |facts, value, counts| {
        let (level, number, name) = (facts.level_number, facts.number, facts.name);
        format!("            new[] {{ {level}, {number}, {value} }}, // {name}, {counts}\n")
    });
    format!(
        "using System;
using System.Net.Sockets;

static class VanishedPeer
{{
    /// <summary>{promise}</summary>
    public static void Notice(Socket socket)
    {{
        foreach (var option in new[]
        {{
{rows}        }})
            socket.SetRawSocketOption(option[0], option[1], BitConverter.GetBytes(option[2]));
    }}
}}
"
    )
}

/// What a language can set without code of another one, from its recipe; what that misses is said.
pub(in crate::plan) fn as_far_as_it_goes(
    advice: &deadpeer_recipes::Advice,
    within: &str,
    told: impl Fn(deadpeer_core::Notice) -> String,
) -> String {
    let mut code = String::new();
    for side in &advice.sides {
        for (silence, notice) in side.fit.misses() {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(
                code,
                "// Not within {within} {}: noticed {}. It has no name for the options that bound that.",
                silence.words(),
                told(notice)
            );
        }
        for line in &side.lines {
            let _ = writeln!(code, "{line}");
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::super::tests::everything;
    use super::*;

    #[test]
    fn every_option_has_its_number_and_keepidle_comes_last() {
        let code = go(&everything(), "A promise.");
        for row in [
            "{1, 9, 1}",
            "{6, 5, 1}",
            "{6, 6, 8}",
            "{6, 18, 28000}",
            "{6, 44, 3000}",
        ] {
            assert!(code.contains(row), "{row} is missing in {code}");
        }
        assert!(code.find("{6, 4, 20}") > code.find("{6, 7, 4}"), "{code}");
        let code = python(&everything(), "A promise.");
        assert!(
            code.contains("(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20),"),
            "{code}"
        );
        assert!(code.contains("(socket.IPPROTO_TCP, 44, 3000),"), "{code}");
        let code = csharp(&everything(), "A promise.");
        assert!(
            code.contains("new[] { 6, 44, 3000 }, // TCP_RTO_MAX_MS"),
            "{code}"
        );
    }
}
