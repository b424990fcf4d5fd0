//! x
use crate::args::DemoArgs;
use crate::output::Output;
use crate::trouble::Trouble;
pub fn run(_args: &DemoArgs, _output: Output) -> Result<(), Trouble> {
    Err(Trouble::Interrupted)
}
