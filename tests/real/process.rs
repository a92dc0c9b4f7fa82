//! Foreign programs in namespaces.

use std::io;
use std::process::{Child, Command};

use crate::kit::process::Ground;
use crate::network::Namespace;

pub(crate) use crate::kit::process::{Process, wait_until};

impl Ground for Namespace {
    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        self.inside(|| command.spawn())
    }
}
