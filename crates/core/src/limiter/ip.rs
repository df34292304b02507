//! Addresses as limiter keys.
//!
//! A household or a server owns a whole IPv6 subnet, so counting single addresses would let one client draw a fresh
//! key for every request. Mapped IPv4 (`::ffff:0:0/96`) is told by its bits, not its text: `::ffff:102:304` and
//! `::ffff:1.2.3.4` are one client.

use std::net::{IpAddr, Ipv6Addr};

use crate::error::{Error, Result};
use crate::key::Shown;

/// The narrowest and the widest subnet that a client plausibly owns.
const SUBNET_BITS: std::ops::RangeInclusive<u32> = 32..=64;

/// IPv4 as it is, IPv6 as its subnet of `subnet_bits`: `2001:db8:1200::/56`.
pub fn key(address: &str, subnet_bits: u32) -> Result<String> {
    if !SUBNET_BITS.contains(&subnet_bits) {
        return Err(Error::InvalidArg(format!(
            "an IPv6 subnet is 32 to 64 bits, not {subnet_bits}; 56 is what providers give a household"
        )));
    }
    // A zone ('fe80::1%eth0') names an interface of this machine, not a client.
    let bare = address.split_once('%').map_or(address, |(bare, _zone)| bare);
    let parsed: IpAddr = bare.parse().map_err(|_| {
        Error::InvalidArg(format!(
            "'{}' is no IP address; pass one, such as req.ip, or a key of your own",
            Shown(address)
        ))
    })?;
    Ok(match parsed {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| subnet(v6, subnet_bits), |v4| v4.to_string()),
    })
}

fn subnet(address: Ipv6Addr, bits: u32) -> String {
    let mask = u128::MAX << (128 - bits);
    format!("{}/{bits}", Ipv6Addr::from(u128::from(address) & mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_is_its_subnet() {
        assert_eq!(key("2001:db8:1234:56ff:1:2:3:4", 56).unwrap(), "2001:db8:1234:5600::/56");
        assert_eq!(key("2001:db8:1234:5601::9", 56).unwrap(), "2001:db8:1234:5600::/56");
        assert_ne!(key("2001:db8:1234:5701::9", 56).unwrap(), "2001:db8:1234:5600::/56");
        assert_eq!(key("2001:db8:1234:5678::1", 64).unwrap(), "2001:db8:1234:5678::/64");
        assert_eq!(key("fe80::1%eth0", 64).unwrap(), "fe80::/64");
    }

    #[test]
    fn mapped_ipv4_is_ipv4_however_it_is_written() {
        for address in ["1.2.3.4", "::ffff:1.2.3.4", "::FFFF:102:304", "0:0:0:0:0:ffff:0102:0304"] {
            assert_eq!(key(address, 56).unwrap(), "1.2.3.4");
        }
        assert_eq!(key("2001:db8::1.2.3.4", 56).unwrap(), "2001:db8::/56");
    }

    #[test]
    fn what_is_no_address_and_no_subnet_is_refused() {
        for address in ["", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4:80", "::g"] {
            assert_eq!(key(address, 56).unwrap_err().code(), "ERR_INVALID_ARG");
        }
        let forged = format!("1.2.3.4\nerror: {}", "x".repeat(100_000));
        let refused = key(&forged, 56).unwrap_err().to_string();
        assert!(refused.starts_with(r"'1.2.3.4\nerror: xx") && refused.len() < 200, "{refused}");
        for bits in [0, 31, 65, 128] {
            assert_eq!(key("::1", bits).unwrap_err().code(), "ERR_INVALID_ARG");
        }
    }
}
