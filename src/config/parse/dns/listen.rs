//! The addresses of all tables that listen: no socket is bound twice.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::super::address;
use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;

/// The addresses listened on so far, in whichever table.
#[derive(Default)]
pub(super) struct Listening {
    /// The line of each.
    lines: BTreeMap<SocketAddr, u32>,
}

impl Listening {
    /// The addresses of one list, those left out that were reported. `port` is the one that clients use.
    pub(super) fn distinct(
        &mut self,
        listen: &[At<String>],
        port: u16,
        diagnostics: &Diagnostics<'_>,
    ) -> Vec<SocketAddr> {
        let mut sockets = Vec::new();
        for text in listen {
            let Some(socket) = address::bindable(text, port, diagnostics) else { continue };
            match self.lines.insert(socket, text.place.line) {
                None => sockets.push(socket),
                Some(line) => {
                    let found = format!("{socket} is already listed in line {line}");
                    diagnostics.error(&text.place, found, "list each address once");
                }
            }
        }
        sockets
    }
}
