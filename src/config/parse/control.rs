//! `[control]`

use std::os::unix::ffi::OsStrExt;

use super::context::Context;
use crate::config::read::At;
use crate::config::settings::ControlSettings;
use crate::config::spec::ControlSpec;

/// `[control] socket` when the file does not say.
pub(in crate::config) const SOCKET: &str = "/run/cadence-dns/control.sock";

/// The longest path of a UNIX socket, in octets: `sun_path` of Linux without its closing zero.
const SOCKET_PATH_OCTETS: usize = 107;

/// `[control]`
pub(super) fn control(spec: Option<At<ControlSpec>>, context: Context<'_>) -> Option<ControlSettings> {
    let ControlSpec { socket: text } = spec.map(|spec| spec.value).unwrap_or_default();
    let socket = context.path_or("socket", text.as_ref(), SOCKET)?;
    let octets = socket.as_os_str().as_bytes().len();
    if let Some(text) = text.filter(|_| octets > SOCKET_PATH_OCTETS) {
        let help =
            format!("at most {SOCKET_PATH_OCTETS} octets, the limit of Linux for the path of a socket");
        context.diagnostics.error(&text.place, format!("the socket's path has {octets} octets"), help);
        return None;
    }
    Some(ControlSettings { socket })
}
