//! The forecast and the policy, held against measurements and against a model of the kernel's timers.

mod measured;
mod model;
mod moments;
mod orphans;
mod promises;
mod rtos;
mod worst;
