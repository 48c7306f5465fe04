//! A call of the API as the tables of the themes name it.

use std::rc::Rc;

use super::arguments::Parameter;
use crate::sandbox::Sandbox;
use overlord_repy_machine::{Args, Machine, Res};

/// The code of a call; its arguments have been checked.
pub(crate) type Call = fn(&Rc<Sandbox>, &mut Machine, &mut Args<'_>) -> Res;

/// A call of the API.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) call: Call,
}
