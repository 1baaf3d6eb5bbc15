//! An acknowledgement becomes a result: the error number, the kernel's own words, and the attribute it points at by name.
//! Bytes only: no socket here.

use nix::errno::Errno;
use ovsdp_proto::ack::Ack;
use ovsdp_proto::nlmsg::Message;

use super::error::Error;
use super::names::Names;

/// The outcome that an ERROR or DONE message reports of `request` (its bytes, header included).
pub(super) fn outcome(message: &Message<'_>, request: &[u8], names: &Names) -> Result<(), Error> {
    let Err(ack) = Ack::parse(message)?.result() else { return Ok(()) };
    let words = ack.ext.message().filter(|text| !text.is_empty());
    let attr = Message::parse(request).ok().and_then(|(sent, _)| names.attribute(sent.kind, sent.bytes, &ack.ext));
    Err(Error::Kernel {
        errno: Errno::from_raw(ack.errno),
        message: words.map(|text| String::from_utf8_lossy(text).trim().into()),
        attr: attr.map(|path| if ack.ext.miss_type().is_some() { format!("{path}, which is missing").into() } else { path.into() }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use ovsdp_proto::ack::Ext;
    use ovsdp_proto::nla;
    use ovsdp_proto::nlmsg::{self, flag, kind};
    use ovsdp_proto::uapi::nlmsgerr;

    #[derive(Debug)]
    struct Places;

    impl super::super::Naming for Places {
        fn attribute(&self, kind: u16, request: &[u8], ext: &Ext<'_>) -> Option<String> {
            ext.offset().or(ext.miss_type()).map(|number| format!("{kind}/{}/{number}", request.len()))
        }
    }

    fn reply(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        nlmsg::put::<()>(&mut out, kind, flags, 7, |out| {
            out.extend_from_slice(payload);
            Ok(())
        })
        .unwrap();
        out
    }

    fn request() -> Vec<u8> {
        let mut out = Vec::new();
        nlmsg::put::<()>(&mut out, 30, flag::REQUEST, 7, |out| {
            out.extend_from_slice(b"abc");
            Ok(())
        })
        .unwrap();
        out
    }

    fn read(bytes: &[u8]) -> Result<(), Error> {
        let names: Names = Arc::new(Places);
        outcome(&Message::parse(bytes).unwrap().0, &request(), &names)
    }

    #[test]
    fn number_words_and_place() {
        let code = (-22i32).to_ne_bytes();
        let mut tlvs = Vec::new();
        nla::put(&mut tlvs, nlmsgerr::MSG, b"Not so\0").unwrap();
        nla::put_u32(&mut tlvs, nlmsgerr::OFFS, 16);
        let expected = Err(Error::Kernel { errno: Errno::EINVAL, message: Some("Not so".into()), attr: Some("30/19/16".into()) });
        let capped = [&code[..], &request()[..16], &tlvs].concat();
        assert_eq!(read(&reply(kind::ERROR, flag::CAPPED | flag::ACK_TLVS, &capped)), expected);
        assert_eq!(read(&reply(kind::DONE, flag::MULTI | flag::ACK_TLVS, &[&code[..], &tlvs].concat())), expected);

        let mut tlvs = Vec::new();
        nla::put_u32(&mut tlvs, nlmsgerr::MISS_TYPE, 5);
        let missing = [&code[..], &request()[..16], &tlvs].concat();
        let expected = Err(Error::Kernel { errno: Errno::EINVAL, message: None, attr: Some("30/19/5, which is missing".into()) });
        assert_eq!(read(&reply(kind::ERROR, flag::CAPPED | flag::ACK_TLVS, &missing)), expected);
    }

    #[test]
    fn success_is_success_and_rubbish_is_not() {
        assert_eq!(read(&reply(kind::ERROR, flag::CAPPED, &[&[0; 4][..], &request()[..16]].concat())), Ok(()));
        assert_eq!(read(&reply(kind::DONE, flag::MULTI, &[0; 4])), Ok(()));
        assert!(matches!(read(&reply(kind::ERROR, 0, &[1, 2])), Err(Error::Decode(_))));
    }
}
