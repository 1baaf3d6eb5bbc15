//! An acknowledgement becomes a result.

use nix::errno::Errno;
use ovsdp_proto::nlmsg::Message;

use super::error::Error;
use super::names::Names;

/// The outcome that an ERROR or DONE message reports of `request` (its bytes, header included).
pub(super) fn outcome(message: &Message<'_>, _request: &[u8], _names: &Names) -> Result<(), Error> {
    let code = message.payload.first_chunk::<4>().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    if code == 0 {
        return Ok(());
    }
    Err(Error::Kernel { errno: Errno::from_raw(code.saturating_neg()), message: None, attr: None })
}
