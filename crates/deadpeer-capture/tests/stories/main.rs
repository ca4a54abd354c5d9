//! Captures written by a small builder, whose truth is known, and the stories told of them.

mod builder;
mod closed_before;
mod deaths;
mod documented;
mod evidence;
mod idleness;
mod misjudgements;
mod odd_captures;
mod other_stacks;
mod resets;
mod translated;
mod unheard;
