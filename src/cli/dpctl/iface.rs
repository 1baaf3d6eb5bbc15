//! An IFACE argument: `NAME[,type=TYPE][,port_no=N][,OPTION=VALUE]…`.

use std::str::FromStr;

/// An IFACE argument, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Iface {
    /// The name that stands first.
    pub name: String,
    /// The type; `system` when none is given.
    pub kind: String,
    /// Whether a type is given.
    pub kind_given: bool,
    /// The port's number, if one is asked for.
    pub port_no: Option<u32>,
    /// Everything else, in order.
    pub options: Vec<(String, String)>,
}

impl FromStr for Iface {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',').filter(|part| !part.is_empty());
        let name = parts.next().ok_or_else(|| format!("{text} is not a valid network device name"))?.to_owned();
        let mut iface = Self { name, kind: "system".into(), kind_given: false, port_no: None, options: Vec::new() };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key {
                "type" => (iface.kind, iface.kind_given) = (value.to_owned(), true),
                "port_no" => {
                    let number = value.parse().map_err(|_| format!("{}: port_no={value} is not a port number", iface.name))?;
                    iface.port_no = Some(number);
                }
                key if iface.options.iter().any(|(known, _)| known == key) => {
                    return Err(format!("{}: duplicate \"{key}\" option", iface.name));
                }
                key => iface.options.push((key.to_owned(), value.to_owned())),
            }
        }
        Ok(iface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_what_follows() {
        let iface: Iface = "vx0,type=vxlan,port_no=7,key=flow,remote_ip=flow,csum".parse().unwrap();
        assert_eq!((iface.name.as_str(), iface.kind.as_str(), iface.port_no), ("vx0", "vxlan", Some(7)));
        let option = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(iface.options, [option("key", "flow"), option("remote_ip", "flow"), option("csum", "")]);
        let iface: Iface = "eth0".parse().unwrap();
        assert_eq!((iface.kind.as_str(), iface.kind_given, iface.port_no), ("system", false, None));
        for (bad, said) in [
            (",", ", is not a valid network device name"),
            ("a,port_no=x", "a: port_no=x is not a port number"),
            ("a,b=1,b=2", "a: duplicate \"b\" option"),
        ] {
            assert_eq!(bad.parse::<Iface>(), Err(said.to_owned()));
        }
    }
}
