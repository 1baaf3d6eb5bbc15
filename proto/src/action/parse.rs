//! Actions from text: what [`append_actions`](super::append_actions) prints, and what `ovs-dpctl` takes besides.

mod ct;
mod userspace;

use crate::action::{self, Action};
use crate::key::Lse;
use crate::key::fmt::MAX_DEPTH;
use crate::key::parse::{Keys, PushNsh, port};
use crate::key::{VLAN_PRESENT, Vlan};
use crate::nla;
use crate::text::cursor::{Cursor, Parsed, close, is_gap, mark, open};
use crate::text::{ParseError, ParseReason, PortNumbers};
use crate::uapi::{action as kind, check_pkt_len as cpl, dec_ttl as ttl, hash_alg, key, limit, mpls, nsh, psample as ps, sample as sa};

/// Reads actions, such as `push_vlan(vid=12,pcp=0),1`, and appends them to `out`. They are separated by commas or white
/// space; `drop`, or nothing, is no action at all. Ports may be given by name where `names` knows them.
///
/// `tnl_push`, `tnl_pop` and `lb_output` are known but have no form the kernel takes: they are the error
/// [`ParseReason::UserspaceOnly`].
///
/// # Errors
/// At the first thing that cannot be read; `out` is then as it was.
pub fn parse_actions(text: &str, names: Option<&PortNumbers<'_>>, out: &mut Vec<u8>) -> Result<(), ParseError> {
    whole(&mut Cursor::new(text), names, out, &mut Vec::new())
}

/// Reads actions up to the text's end.
pub(crate) fn whole(cur: &mut Cursor<'_>, names: Option<&PortNumbers<'_>>, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<(), ParseError> {
    let len = out.len();
    let mut parser = Parser { cur, names, out, scratch };
    let done = parser.list(0).and_then(|()| if parser.cur.at_end() { Ok(()) } else { Err(parser.cur.here(ParseReason::Trailing)) });
    if done.is_err() {
        out.truncate(len);
    }
    done
}

/// The parser of a list of actions: where it is and what it writes. `scratch` holds a mask for a moment.
struct Parser<'a, 't, 'n> {
    cur: &'a mut Cursor<'t>,
    names: Option<&'n PortNumbers<'n>>,
    out: &'a mut Vec<u8>,
    scratch: &'a mut Vec<u8>,
}

impl Parser<'_, '_, '_> {
    /// Actions up to the text's end or a closing parenthesis.
    fn list(&mut self, depth: usize) -> Parsed<()> {
        if depth > MAX_DEPTH {
            return Err(self.cur.here(ParseReason::TooDeep));
        }
        let mut first = true;
        let mut dropped = None;
        loop {
            let gap = self.cur.take(is_gap);
            if self.cur.at_end() || self.cur.peek() == Some(b')') {
                return Ok(());
            }
            if let Some((start, end)) = dropped {
                return Err(ParseError::new(start, end, ParseReason::DropAlone));
            }
            if !first && gap.is_empty() {
                return Err(self.cur.here(ParseReason::Expected("a comma")));
            }
            let start = self.cur.pos();
            if self.cur.eat("drop") && self.cur.peek().is_none_or(|byte| is_gap(byte) || byte == b')') {
                if !first {
                    return Err(self.cur.since(start, ParseReason::DropAlone));
                }
                dropped = Some((start, self.cur.pos()));
            } else {
                self.cur.seek(start);
                self.action(depth)?;
            }
            first = false;
        }
    }

    /// A port by number or name, if one stands here.
    fn output(&mut self) -> Parsed<bool> {
        if self.cur.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            let port = port(self.cur, self.names)?;
            action::output(self.out, port);
            return Ok(true);
        }
        let Some(names) = self.names else { return Ok(false) };
        let start = self.cur.pos();
        let name = self.cur.take(|byte| !is_gap(byte) && !matches!(byte, b'(' | b')'));
        let port = if self.cur.peek() == Some(b'(') { None } else { names(name) };
        match port {
            Some(port) => action::output(self.out, port),
            None => self.cur.seek(start),
        }
        Ok(port.is_some())
    }

    fn action(&mut self, depth: usize) -> Parsed<()> {
        if self.output()? {
            return Ok(());
        }
        let start = self.cur.pos();
        let name = self.cur.word();
        match name {
            // Those without anything in parentheses, or with little.
            "pop_vlan" => action::pop_vlan(self.out),
            "pop_eth" => action::pop_eth(self.out),
            "ct_clear" => action::ct_clear(self.out),
            "pop_nsh" => {
                action::pop_nsh(self.out);
                if self.cur.eat("(") {
                    self.cur.expect(")")?;
                }
            }
            "recirc" => {
                let id = self.argument()?;
                action::recirc(self.out, id);
            }
            "trunc" => {
                let max_len = self.argument()?;
                action::trunc(self.out, max_len);
            }
            "meter" => {
                let id = self.argument()?;
                action::meter(self.out, id);
            }
            "drop" => {
                let reason = self.argument()?;
                action::drop(self.out, reason);
            }
            "hash" => self.hash()?,
            "push_vlan" => self.push_vlan()?,
            "push_eth" => self.push_eth()?,
            "push_mpls" => self.push_mpls(false)?,
            "add_mpls" => self.push_mpls(true)?,
            "pop_mpls" => {
                self.cur.expect("(eth_type=")?;
                let eth_type = self.cur.short()?;
                action::pop_mpls(self.out, eth_type);
                self.cur.expect(")")?;
            }
            "push_nsh" => self.push_nsh(start)?,
            "psample" => self.psample(start)?,
            "set" => self.set(start)?,
            "ct" => self.ct(start)?,
            "userspace" => self.userspace(start)?,
            "clone" => {
                self.cur.expect("(")?;
                self.nested(start, kind::CLONE, depth)?;
                self.cur.expect(")")?;
            }
            "sample" => self.sample(start, depth)?,
            "check_pkt_len" => self.check_pkt_len(start, depth)?,
            "dec_ttl" => {
                let at = open(self.out);
                self.cur.expect("(le_1(")?;
                self.nested(start, ttl::ACTION, depth)?;
                self.cur.expect("))")?;
                self.close(start, at, kind::DEC_TTL)?;
            }
            "tnl_push" | "tnl_pop" | "lb_output" => return Err(self.userspace_only(start)),
            "" => return Err(self.cur.here(ParseReason::Expected("an action, such as a port's number"))),
            _ => return self.unknown(start, name),
        }
        Ok(())
    }

    fn close(&mut self, start: usize, at: usize, kind: u16) -> Parsed<()> {
        close(self.out, at, kind).map_err(|reason| self.cur.since(start, reason))
    }

    /// `(number)`.
    fn argument(&mut self) -> Parsed<u32> {
        self.cur.expect("(")?;
        let value = self.cur.long()?;
        self.cur.expect(")")?;
        Ok(value)
    }

    /// An attribute with actions inside.
    fn nested(&mut self, start: usize, kind: u16, depth: usize) -> Parsed<()> {
        let at = open(self.out);
        self.list(depth + 1)?;
        self.close(start, at, kind)
    }

    /// An action of a datapath in userspace, up to where its parentheses close.
    fn userspace_only(&mut self, start: usize) -> ParseError {
        let mut depth = 0usize;
        let len = self.cur.rest().bytes().position(|byte| {
            match byte {
                b'(' => depth += 1,
                b')' if depth == 1 => return true,
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        });
        // With its closing parenthesis; without any, only the name.
        let len = len.map_or(self.cur.rest().len(), |len| if len == 0 { 0 } else { len + 1 });
        self.cur.seek(self.cur.pos() + len);
        self.cur.since(start, ParseReason::UserspaceOnly)
    }

    /// An action without a name, by its number.
    fn unknown(&mut self, start: usize, name: &str) -> Parsed<()> {
        let number = name.strip_prefix("action").and_then(|number| number.parse().ok());
        let number = number.filter(|number| (*number == 0 || *number > kind::PSAMPLE) && *number <= nla::NLA_TYPE_MASK);
        let number: u16 = number.ok_or(self.cur.since(start, ParseReason::UnknownAction))?;
        let at = open(self.out);
        if self.cur.eat("(") {
            self.cur.hex(self.out)?;
            self.cur.expect(")")?;
        }
        self.close(start, at, number)
    }

    fn hash(&mut self) -> Parsed<()> {
        self.cur.expect("(")?;
        let start = self.cur.pos();
        let alg = match self.cur.word() {
            "l4" => hash_alg::L4,
            "sym_l4" => hash_alg::SYM_L4,
            _ => return Err(self.cur.since(start, ParseReason::Expected("l4 or sym_l4"))),
        };
        let basis = self.argument()?;
        action::hash(self.out, alg, basis);
        self.cur.expect(")")
    }

    /// Parts by name up to the closing parenthesis, which is read: the number of each is handed to `read`.
    fn parts(&mut self, names: &[&str], mut read: impl FnMut(&mut Self, usize) -> Parsed<()>) -> Parsed<u64> {
        self.cur.expect("(")?;
        let mut seen = 0;
        while self.cur.peek() != Some(b')') {
            let start = self.cur.pos();
            let name = self.cur.word();
            let number = names.iter().position(|known| *known == name).ok_or(self.cur.since(start, ParseReason::UnknownField))?;
            if !mark(&mut seen, number) {
                return Err(self.cur.since(start, ParseReason::Twice));
            }
            self.cur.expect("=")?;
            read(self, number)?;
            if !self.cur.eat(",") {
                break;
            }
        }
        self.cur.expect(")")?;
        Ok(seen)
    }

    fn push_vlan(&mut self) -> Parsed<()> {
        let (mut tpid, mut tci) = (0x8100, VLAN_PRESENT);
        self.parts(&["tpid", "vid", "pcp", "cfi"], |this, number| {
            let mut part = |bits, low: u16| Ok(u16::try_from(this.cur.number(bits)?).unwrap_or(u16::MAX) << low);
            match number {
                0 => tpid = part(16, 0)?,
                1 => tci |= part(12, 0)?,
                2 => tci |= part(3, 13)?,
                _ => tci = tci & !VLAN_PRESENT | part(1, 12)?,
            }
            Ok(())
        })?;
        Action::PushVlan(Vlan { tpid, tci }).put(self.out).map_err(|_| self.cur.here(ParseReason::TooLong))
    }

    fn push_eth(&mut self) -> Parsed<()> {
        let start = self.cur.pos();
        let (mut src, mut dst) = (crate::Mac::ZERO, crate::Mac::ZERO);
        let seen = self.parts(&["src", "dst"], |this, number| {
            *(if number == 0 { &mut src } else { &mut dst }) = this.cur.mac()?;
            Ok(())
        })?;
        if seen != 3 {
            return Err(self.cur.since(start, ParseReason::Missing("src or dst")));
        }
        action::push_eth(self.out, src, dst);
        Ok(())
    }

    fn push_mpls(&mut self, add: bool) -> Parsed<()> {
        let start = self.cur.pos();
        let (mut lse, mut eth_type, mut flags) = (0, 0, mpls::L3_TUNNEL_FLAG_MASK);
        let names: &[&str] = &["label", "tc", "ttl", "bos", "eth_type", "flags"];
        let seen = self.parts(if add { names } else { names.get(..5).unwrap_or(names) }, |this, number| {
            let mut part = |bits, low: u16| Ok(u32::try_from(this.cur.number(bits)?).unwrap_or(u32::MAX) << low);
            match number {
                0 => lse |= part(20, 12)?,
                1 => lse |= part(3, 9)?,
                2 => lse |= part(8, 0)?,
                3 => lse |= part(1, 8)?,
                4 => eth_type = this.cur.short()?,
                _ => flags = this.cur.short()?,
            }
            Ok(())
        })?;
        if seen >> 4 & 1 == 0 {
            return Err(self.cur.since(start, ParseReason::Missing("eth_type")));
        }
        if add {
            action::add_mpls(self.out, Lse(lse), eth_type, flags);
        } else {
            action::push_mpls(self.out, Lse(lse), eth_type);
        }
        Ok(())
    }

    fn push_nsh(&mut self, start: usize) -> Parsed<()> {
        self.cur.expect("(")?;
        let (at, header) = (open(self.out), open(self.out));
        PushNsh::parse(self.cur, self.out)?;
        self.close(start, header, key::NSH)?;
        self.close(start, at, kind::PUSH_NSH)?;
        self.cur.expect(")")
    }

    fn psample(&mut self, start: usize) -> Parsed<()> {
        let at = open(self.out);
        let seen = self.parts(&["group", "cookie"], |this, number| {
            if number == 0 {
                let group = this.cur.long()?;
                nla::put_u32(this.out, ps::GROUP, group);
                return Ok(());
            }
            let (begin, cookie) = (this.cur.pos(), open(this.out));
            if !this.cur.eat("0x") || this.cur.hex(this.out)? > limit::PSAMPLE_COOKIE_MAX_SIZE {
                return Err(this.cur.since(begin, ParseReason::Expected("0x and at most 16 pairs of hexadecimal digits")));
            }
            this.close(begin, cookie, ps::COOKIE)
        })?;
        if seen & 1 == 0 {
            return Err(self.cur.since(start, ParseReason::Missing("group")));
        }
        // The kernel takes this one nest only with the flag.
        self.close(start, at, kind::PSAMPLE | nla::NLA_F_NESTED)
    }

    fn sample(&mut self, start: usize, depth: usize) -> Parsed<()> {
        let at = open(self.out);
        self.cur.expect("(sample=")?;
        let probability = self.percent()?;
        nla::put_u32(self.out, sa::PROBABILITY, probability);
        self.cur.expect(",actions(")?;
        self.nested(start, sa::ACTIONS, depth)?;
        self.cur.expect("))")?;
        self.close(start, at, kind::SAMPLE)
    }

    /// A share with its per cent sign, as a fraction of 2³²−1.
    fn percent(&mut self) -> Parsed<u32> {
        let start = self.cur.pos();
        let share = self.cur.take(|byte| byte.is_ascii_digit() || byte == b'.').parse::<f64>();
        let closed = self.cur.eat("%");
        let share = share.ok().filter(|share| closed && (0.0..=100.0).contains(share));
        let share = share.ok_or(self.cur.since(start, ParseReason::BadPercent))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within 0 to 100 per cent of it")]
        Ok((f64::from(u32::MAX) * (share / 100.0) + 0.5).floor() as u32)
    }

    fn check_pkt_len(&mut self, start: usize, depth: usize) -> Parsed<()> {
        let at = open(self.out);
        self.cur.expect("(size=")?;
        let len = self.cur.short()?;
        nla::put_u16(self.out, cpl::PKT_LEN, len);
        self.cur.expect(",gt(")?;
        self.nested(start, cpl::ACTIONS_IF_GREATER, depth)?;
        self.cur.expect("),le(")?;
        self.nested(start, cpl::ACTIONS_IF_LESS_EQUAL, depth)?;
        self.cur.expect("))")?;
        self.close(start, at, kind::CHECK_PKT_LEN)
    }

    /// `set(field(…))`: SET when every bit is given, else SET_MASKED with the value cleared where the mask is.
    fn set(&mut self, start: usize) -> Parsed<()> {
        self.cur.expect("(")?;
        let at = open(self.out);
        let field = self.cur.pos();
        self.scratch.clear();
        let (kind, exact) = Keys { cur: self.cur, names: self.names, key: self.out, mask: self.scratch }.one()?;
        let value_at = at + nla::HEADER_LEN;
        let masked = match kind {
            _ if exact => false,
            key::TUNNEL => return Err(self.cur.since(field, ParseReason::Partial)),
            key::NSH => {
                self.masked_nsh(value_at);
                true
            }
            _ => {
                self.mask_value(field, value_at)?;
                true
            }
        };
        if masked {
            close(self.out, value_at, kind).map_err(|reason| self.cur.since(start, reason))?;
        }
        self.close(start, at, if masked { kind::SET_MASKED } else { kind::SET })?;
        self.cur.expect(")")
    }

    /// Clears the value's bits that do not count and puts the mask behind it. The header is left to the caller.
    fn mask_value(&mut self, field: usize, value_at: usize) -> Parsed<()> {
        let mask = nla::Attrs::new(self.scratch).next().map(|attr| attr.payload()).unwrap_or_default();
        let data = value_at + nla::HEADER_LEN;
        // A frame's missing Ethernet type has no value, and what is larger the kernel does not mask.
        if self.out.len() < data || mask.is_empty() || mask.len() > crate::key::Ipv6::LEN {
            return Err(self.cur.since(field, ParseReason::Partial));
        }
        self.out.truncate(data + mask.len());
        let value = self.out.get_mut(data..).unwrap_or_default();
        value.iter_mut().zip(mask).for_each(|(value, mask)| *value &= mask);
        self.out.extend_from_slice(mask);
        Ok(())
    }

    /// As `mask_value` for the attributes inside NSH, each with its own mask behind it.
    fn masked_nsh(&mut self, value_at: usize) {
        let (mut base, mut context) = ([0; 8], [0; 16]);
        for attr in nla::Attrs::new(self.out.get(value_at..).unwrap_or_default()).next().into_iter().flat_map(|header| header.nested()) {
            match attr.kind() {
                nsh::BASE => base = attr.array().unwrap_or(base),
                _ => context = attr.array().unwrap_or(context),
            }
        }
        self.out.truncate(value_at + nla::HEADER_LEN);
        for attr in nla::Attrs::new(self.scratch).next().into_iter().flat_map(|header| header.nested()) {
            let at = open(self.out);
            let value: &[u8] = if attr.kind() == nsh::BASE { &base } else { &context };
            self.out.extend(value.iter().zip(attr.payload()).map(|(value, mask)| value & mask));
            self.out.extend_from_slice(attr.payload());
            // Two small arrays.
            let _ = close(self.out, at, attr.kind());
        }
    }
}
