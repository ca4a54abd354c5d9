//! `deadpeer plan`: one deadline in, the right socket options out, and code to paste.

mod answer;
mod code;
mod kernel;
mod page;
mod program;
pub(crate) mod read;
mod request;
pub(crate) mod words;

pub(crate) use request::{PlanArgs, Request};

use std::io::Write;

use deadpeer_report::record;

use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use answer::Answer;
use request::Options;

/// Plans and prints.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    match request {
        Request::Options(options) => for_a_socket(options, output, out),
        Request::Program {
            recipe,
            within,
            kernel,
        } => program::run(recipe, *within, kernel, output, out),
        Request::Read { reading } => read::run(reading, output, out),
        Request::List => program::list(output, out),
    }
}

fn for_a_socket(request: &Options, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let plan = match request.policy.plan(&request.kernel) {
        Ok(plan) => plan,
        Err(refusal) => {
            match (request.code, output) {
                // What is piped into a file must not be a sentence.
                (Some(_), _) => remark!("deadpeer: {refusal}"),
                (None, Output::Json) => line(out, &record::Refusal::from(&refusal))?,
                (None, Output::Text(look)) => words::refusal(&refusal, true, look, out)?,
            }
            return Ok(Exit::No);
        }
    };
    let answer = Answer {
        plan,
        kernel: request.kernel,
    };
    match (request.code, output) {
        (Some(language), _) => out.write_all(answer.code(language).as_bytes())?,
        (None, Output::Json) => line(out, &record::Plan::from(&answer.plan))?,
        (None, Output::Text(look)) => words::plan(&answer, look, out)?,
    }
    Ok(Exit::Yes)
}
