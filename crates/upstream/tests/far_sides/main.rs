//! The connectors from outside: against the simulated platform, and against far sides that fail.

#[cfg(test)]
mod bad_answers;
#[cfg(test)]
mod declared;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod support;
