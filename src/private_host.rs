//! Hosts that belong to the machine or its network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ends of names that no public domain has: RFC 6761 and 6762, RFC 8375, ICANN's `.internal` (2024), and what clusters
/// and routers hand out.
const PRIVATE_DOMAINS: [&str; 10] = [
    ".localhost",
    ".local",
    ".internal",
    ".intranet",
    ".private",
    ".corp",
    ".lan",
    ".home.arpa",
    ".localdomain",
    ".svc",
];

/// Whether a host is this machine, in a private network, or has a name without a public domain.
pub(crate) fn is_private(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse();
    match address {
        Ok(IpAddr::V4(address)) => is_private_v4(address),
        Ok(IpAddr::V6(address)) => is_private_v6(address),
        // A name of one label is a container's, a service's or a search domain's.
        Err(_) => {
            let host = host.strip_suffix('.').unwrap_or(host);
            !host.contains('.') || PRIVATE_DOMAINS.iter().any(|domain| host.ends_with(domain))
        }
    }
}

/// Loopback, RFC 1918, link-local and the shared space of RFC 6598, which overlay networks use.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || shared
}

/// Loopback, unique local and link-local addresses, and IPv4 addresses written as IPv6.
fn is_private_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    address.is_loopback()
        || address.is_unspecified()
        || first & 0xfe00 == 0xfc00
        || first & 0xffc0 == 0xfe80
        || address.to_ipv4_mapped().is_some_and(is_private_v4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_private_hosts_from_public_ones() {
        for host in [
            "localhost",
            "api.localhost",
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.4.0.9",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "vllm",
            "gateway.internal",
            "gateway.internal.",
            "llm.svc",
            "llm.team.svc.cluster.local",
            "printer.local",
            "nas.home.arpa",
        ] {
            assert!(is_private(host), "{host}");
        }
        for host in [
            "api.openai.com",
            "example.com",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "100.128.0.1",
            "[2001:db8::1]",
            "[::ffff:8.8.8.8]",
            "notlocal.com",
            "internal.example.com",
            "localhost.example.com",
        ] {
            assert!(!is_private(host), "{host}");
        }
    }
}
