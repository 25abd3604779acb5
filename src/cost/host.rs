//! Private hosts: on them models run that cost nothing per token, under the names of what others sell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a host is one's own: loopback, private, shared and link-local addresses, local names. An empty name says
/// nothing.
pub(super) fn is_private(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse() {
        Ok(IpAddr::V4(address)) => is_private_v4(address),
        Ok(IpAddr::V6(address)) => is_private_v6(address),
        Err(_) => is_private_name(host),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    // 100.64.0.0/10 is shared address space, RFC 6598: overlay networks use it.
    let shared = address.octets()[0] == 100 && address.octets()[1] & 0xC0 == 64;
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || shared
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_private_v4(mapped);
    }
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
}

/// Names that no public server has: RFC 6761, RFC 6762, RFC 8375, and the name of a service in its own network.
fn is_private_name(host: &str) -> bool {
    const LOCAL: [&str; 7] = [".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc", ".intranet"];
    let host = host.strip_suffix('.').unwrap_or(host);
    !host.is_empty() && (!host.contains('.') || LOCAL.iter().any(|local| host.ends_with(local)))
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn tells_ones_own_hosts_from_others() {
        for host in [
            "localhost",
            "127.0.0.1",
            "127.9.9.9",
            "10.4.0.9",
            "172.16.0.1",
            "172.31.255.1",
            "192.168.1.5",
            "169.254.0.7",
            "100.64.0.1",
            "100.127.1.1",
            "0.0.0.0",
            "[::1]",
            "::1",
            "[fd00::7]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "gpu-box.local",
            "llm.corp.internal",
            "host.docker.internal",
            "vllm.models.svc.cluster.local",
            "vllm.models.svc",
            "litellm",
            "litellm.",
        ] {
            assert!(is_private(host), "{host}");
        }
        for host in [
            "",
            "api.openai.com",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "[2606:4700::1]",
            "llm.example.com",
            "internal.example.com",
            "notlocal.example",
        ] {
            assert!(!is_private(host), "{host}");
        }
    }
}
