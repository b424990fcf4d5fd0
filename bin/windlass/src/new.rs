//! x
use crate::args::NewArgs;
use crate::output::Output;
use crate::trouble::Trouble;
pub fn run(_args: &NewArgs, _output: Output) -> Result<(), Trouble> {
    Err(Trouble::Interrupted)
}
