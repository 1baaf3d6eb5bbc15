//! The same reading and writing through neli's typed layer and through netlink-packet-core: what writing the codec by hand is
//! held against.

use std::io::Cursor;

use neli::FromBytes;
use neli::ToBytes;
use neli::attr::Attribute;
use neli::consts::nl::NlmF;
use neli::genl::{AttrTypeBuilder, Genlmsghdr, GenlmsghdrBuilder, Nlattr, NlattrBuilder};
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::types::{Buffer, GenlBuffer};
use netlink_packet_core::{DefaultNla, Emitable, NlaBuffer, NlasIterator, Parseable};
use ovsdp_proto::uapi::flow::attr;
use ovsdp_proto::{Mac, uapi};

use super::{HEADERS, Sum, UFID};

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_ne_bytes)
}

fn stats(bytes: &[u8], sum: &mut Sum) {
    let (packets, bytes) = bytes.split_at(8);
    sum.packets += number(packets);
    sum.bytes += number(bytes);
}

/// Reads a flow with netlink-packet-core's iterator, nothing copied.
pub(crate) fn core_borrowed(message: &[u8], sum: &mut Sum) -> Result<(), netlink_packet_core::DecodeError> {
    for nla in NlasIterator::new(&message[HEADERS..]) {
        let nla = nla?;
        match nla.kind() {
            attr::STATS => stats(nla.value(), sum),
            attr::USED => sum.used += number(nla.value()),
            attr::TCP_FLAGS => sum.flags += u64::from(nla.value()[0]),
            attr::KEY | attr::MASK | attr::ACTIONS => {
                for part in NlasIterator::new(nla.value()) {
                    let part = part?;
                    sum.part(part.kind(), part.value());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A flow's attribute as the crates over netlink-packet-core declare them: every variant owns what it holds.
enum Owned {
    Stats(Vec<u8>),
    Used(u64),
    TcpFlags(u8),
    Nest(Vec<DefaultNla>),
    Other(DefaultNla),
}

impl Owned {
    fn parse(nla: &NlaBuffer<&[u8]>) -> Result<Self, netlink_packet_core::DecodeError> {
        Ok(match nla.kind() {
            attr::STATS => Self::Stats(nla.value().to_vec()),
            attr::USED => Self::Used(number(nla.value())),
            attr::TCP_FLAGS => Self::TcpFlags(nla.value()[0]),
            attr::KEY | attr::MASK | attr::ACTIONS => {
                Self::Nest(NlasIterator::new(nla.value()).map(|part| DefaultNla::parse(&part?)).collect::<Result<_, _>>()?)
            }
            _ => Self::Other(DefaultNla::parse(nla)?),
        })
    }
}

/// Reads a flow into attributes that own what they hold, then adds them up.
pub(crate) fn core_owned(message: &[u8], sum: &mut Sum) -> Result<(), netlink_packet_core::DecodeError> {
    let flow = NlasIterator::new(&message[HEADERS..]).map(|nla| Owned::parse(&nla?)).collect::<Result<Vec<_>, _>>()?;
    for nla in &flow {
        match nla {
            Owned::Stats(bytes) => stats(bytes, sum),
            Owned::Used(used) => sum.used += used,
            Owned::TcpFlags(flags) => sum.flags += u64::from(*flags),
            Owned::Nest(parts) => {
                for part in parts {
                    let mut value = [0; 64];
                    let value = &mut value[..netlink_packet_core::Nla::value_len(part)];
                    netlink_packet_core::Nla::emit_value(part, value);
                    sum.part(netlink_packet_core::Nla::kind(part), value);
                }
            }
            Owned::Other(other) => drop(std::hint::black_box(other)),
        }
    }
    Ok(())
}

/// Reads a flow with neli's types.
pub(crate) fn neli_typed(message: &[u8], sum: &mut Sum) -> Result<(), neli::err::DeError> {
    let message = Nlmsghdr::<u16, Genlmsghdr<u8, u16, u32>>::from_bytes(&mut Cursor::new(message))?;
    let Some(flow) = message.get_payload() else { return Ok(()) };
    for nla in flow.attrs().iter() {
        match *nla.nla_type().nla_type() {
            attr::STATS => stats(nla.payload().as_ref(), sum),
            attr::USED => sum.used += nla.get_payload_as::<u64>()?,
            attr::TCP_FLAGS => sum.flags += u64::from(nla.get_payload_as::<u8>()?),
            attr::KEY | attr::MASK | attr::ACTIONS => {
                for part in nla.get_attr_handle::<u16>()?.iter() {
                    sum.part(*part.nla_type().nla_type(), part.payload().as_ref());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The attributes of the key and of the mask that [`Builder`](super::Builder) makes.
fn parts(src: Mac, dst: Mac, port: u32) -> [[(u16, Vec<u8>); 4]; 2] {
    let ethernet = |src: Mac, dst: Mac| [src.0, dst.0].concat();
    let list = |recirc: u32, port: u32, ethernet: Vec<u8>, eth_type: u16| {
        [
            (uapi::key::RECIRC_ID, recirc.to_ne_bytes().to_vec()),
            (uapi::key::IN_PORT, port.to_ne_bytes().to_vec()),
            (uapi::key::ETHERNET, ethernet),
            (uapi::key::ETHERTYPE, eth_type.to_be_bytes().to_vec()),
        ]
    };
    [list(0, port, ethernet(src, dst), 0x0800), list(u32::MAX, u32::MAX, ethernet(Mac::BROADCAST, Mac::BROADCAST), 0xffff)]
}

/// A FLOW_NEW through netlink-packet-core's attributes.
pub(crate) fn core_flow_new((src, dst): (Mac, Mac), port: u32, out: &mut Vec<u8>) {
    let [key, mask] = parts(src, dst, port).map(|list| list.map(|(kind, value)| DefaultNla::new(kind, value)).to_vec());
    let nest = |kind: u16, list: &[DefaultNla]| {
        let mut value = vec![0; list.buffer_len()];
        list.emit(&mut value);
        DefaultNla::new(kind, value)
    };
    let actions = [DefaultNla::new(uapi::action::OUTPUT, (port + 1).to_ne_bytes().to_vec())];
    let ufid = DefaultNla::new(attr::UFID, UFID.to_vec());
    let flow = [ufid, nest(attr::KEY, &key), nest(attr::MASK, &mask), nest(attr::ACTIONS, &actions)];
    let flow = &flow[..];
    let start = out.len();
    out.resize(start + HEADERS + flow.buffer_len(), 0);
    let len = u32::try_from(out.len() - start).unwrap();
    out[start..start + 4].copy_from_slice(&len.to_ne_bytes());
    out[start + 4..start + 6].copy_from_slice(&29u16.to_ne_bytes());
    out[start + 6..start + 8].copy_from_slice(&0x401u16.to_ne_bytes());
    out[start + 8..start + 12].copy_from_slice(&1u32.to_ne_bytes());
    out[start + 16] = uapi::flow::cmd::NEW;
    out[start + 17] = uapi::flow::VERSION;
    out[start + 20..start + HEADERS].copy_from_slice(&3u32.to_ne_bytes());
    flow.emit(&mut out[start + HEADERS..]);
}

/// A FLOW_NEW through neli's builders.
pub(crate) fn neli_flow_new((src, dst): (Mac, Mac), port: u32, out: &mut Vec<u8>) {
    let leaf = |kind: u16, value: &[u8]| {
        NlattrBuilder::default().nla_type(AttrTypeBuilder::default().nla_type(kind).build().unwrap()).nla_payload(value).build().unwrap()
    };
    let nest = |kind: u16, list: &[(u16, Vec<u8>)]| {
        list.iter().fold(leaf(kind, &[]), |nest: Nlattr<u16, Buffer>, (kind, value)| nest.nest(&leaf(*kind, value)).unwrap())
    };
    let [key, mask] = parts(src, dst, port);
    let actions = [(uapi::action::OUTPUT, (port + 1).to_ne_bytes().to_vec())];
    let attrs = [leaf(attr::UFID, &UFID), nest(attr::KEY, &key), nest(attr::MASK, &mask), nest(attr::ACTIONS, &actions)];
    let attrs: GenlBuffer<u16, Buffer> = attrs.into_iter().collect();
    let flow = GenlmsghdrBuilder::<u8, u16, u32>::default().cmd(uapi::flow::cmd::NEW).version(uapi::flow::VERSION).header(3).attrs(attrs);
    let message = NlmsghdrBuilder::default()
        .nl_type(29u16)
        .nl_flags(NlmF::REQUEST | NlmF::CREATE)
        .nl_seq(1)
        .nl_payload(NlPayload::Payload(flow.build_with_header().unwrap()))
        .build()
        .unwrap();
    let mut cursor = Cursor::new(std::mem::take(out));
    cursor.set_position(cursor.get_ref().len() as u64);
    message.to_bytes(&mut cursor).unwrap();
    *out = cursor.into_inner();
}
