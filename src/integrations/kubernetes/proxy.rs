//! Which proxy, if any, stands before an API server: the cluster entry's `proxy-url`, else the environment as Go reads it
//! (`HTTPS_PROXY` or `HTTP_PROXY` by the server's scheme, never for loopback, exceptions in `NO_PROXY`).
//!
//! kube compares `NO_PROXY` with the proxy's own address and would send plain-HTTP servers through `HTTPS_PROXY`, so the
//! decision is made here and kube only carries it out.

use std::net::IpAddr;

use http::Uri;

/// Decides. `explicit` is the cluster's `proxy-url`; `environment` reads a variable. `Err` holds text that is no URL.
pub fn proxy_for(
    server: &Uri,
    explicit: Option<&str>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, String> {
    if let Some(url) = explicit.filter(|url| !url.is_empty()) {
        return parse(url).map(Some);
    }
    let variable =
        |name: &str| environment(name).or_else(|| environment(&name.to_lowercase())).filter(|value| !value.is_empty());
    let name = if server.scheme_str() == Some("http") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    let Some(url) = variable(name) else { return Ok(None) };
    let host = server.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if loopback || variable("NO_PROXY").is_some_and(|list| excepted(&host, &list)) {
        return Ok(None);
    }
    parse(&url).map(Some)
}

fn parse(url: &str) -> Result<Uri, String> {
    let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    // The text may carry a password, so it is not repeated.
    full.parse().map_err(|error| format!("the proxy's URL is unreadable: {error}"))
}

/// Does an entry of `NO_PROXY` cover the host? Names cover their subdomains, addresses and CIDR ranges cover addresses.
fn excepted(host: &str, list: &str) -> bool {
    let address = host.parse::<IpAddr>().ok();
    list.split(',').map(|entry| entry.trim().to_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((network, bits)) = entry.split_once('/') {
            return match (address, network.parse::<IpAddr>(), bits.parse::<u32>()) {
                (Some(address), Ok(network), Ok(bits)) => in_network(address, network, bits),
                _ => false,
            };
        }
        let name = entry.trim_start_matches("*.").trim_start_matches('.');
        let name = name.rsplit_once(':').filter(|(name, _)| !name.contains(':')).map_or(name, |(name, _)| name);
        host == name || (address.is_none() && host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')))
    })
}

fn in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (a, n, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    if bits == 0 {
        return true;
    }
    let shift = width - bits.min(width);
    a >> shift == n >> shift
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn chosen(server: &str, explicit: Option<&str>, no_proxy: &str) -> Option<String> {
        let environment = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://p:3128".to_owned()),
            "no_proxy" => Some(no_proxy.to_owned()),
            _ => None,
        };
        proxy_for(&server.parse().unwrap(), explicit, &environment).unwrap().map(|uri| uri.to_string())
    }

    #[test]
    fn the_environment_is_read_as_go_reads_it() {
        let proxy = Some("http://p:3128/".to_owned());
        assert_eq!(chosen("https://k.example.com", None, ""), proxy);
        assert_eq!(chosen("http://k.example.com", None, ""), None);
        assert_eq!(chosen("https://127.0.0.1:6443", None, ""), None);
        assert_eq!(chosen("https://k.example.com", None, "other,.example.com"), None);
        assert_eq!(chosen("https://kexample.com", None, "example.com"), proxy);
        assert_eq!(chosen("https://10.2.3.4", None, "10.0.0.0/8"), None);
        assert_eq!(chosen("https://11.2.3.4", None, "10.0.0.0/8"), proxy);
        assert_eq!(chosen("https://127.0.0.1", Some("socks5://s:1080"), "*"), Some("socks5://s:1080/".to_owned()));
    }
}
