//! Who may ask. The `Host` header must name this server, so that no other site's name can be pointed here and its scripts read
//! what is shown; where a token is needed, it is given once in the address and is a cookie from then on.

use std::net::IpAddr;

use blake3::Hash;

/// Characters that a token has at least.
pub const SHORTEST_TOKEN: usize = 16;

/// Rules of who may ask.
#[derive(Debug, Clone)]
pub struct Access {
    hosts: Vec<String>,
    any_number: bool,
    cookie: String,
    /// Hashes of the token and of what stands for it in the cookie. Hashes compare in constant time.
    token: Option<(Hash, String)>,
}

impl Access {
    /// Rules of a server that is reached by these names or numbers besides those of this machine's own loopback. With
    /// `any_number`, for a server on all addresses of its machine, by any IP address too: no foreign name is one. `port` tells
    /// the cookies of several servers apart.
    #[must_use]
    pub fn new(hosts: &[&str], any_number: bool, port: u16, token: Option<&str>) -> Self {
        let own = ["localhost", "127.0.0.1", "::1"];
        let hosts = own.iter().chain(hosts).map(|host| bare(host).to_ascii_lowercase());
        let secret = |token: &str| blake3::derive_key("mae-exp 2026 cookie of the report server", token.as_bytes());
        Self {
            hosts: hosts.collect(),
            any_number,
            cookie: format!("mae-exp-{port}"),
            token: token.map(|token| {
                let cookie = Hash::from(secret(token)).to_hex().to_string();
                (blake3::hash(token.as_bytes()), cookie)
            }),
        }
    }

    /// Whether a `Host` header names this server. Its port may be another where the connection is forwarded.
    pub(super) fn knows_host(&self, header: Option<&str>) -> bool {
        let Some(name) = header.and_then(name_of) else {
            return false;
        };
        let name = name.to_ascii_lowercase();
        self.hosts.contains(&name) || self.any_number && name.parse::<IpAddr>().is_ok()
    }

    /// Whether the cookies let a request in.
    pub(super) fn admits(&self, cookies: &str) -> bool {
        let Some((_, expected)) = &self.token else {
            return true;
        };
        let expected = blake3::hash(expected.as_bytes());
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| name == self.cookie && blake3::hash(value.as_bytes()) == expected)
    }

    /// The cookie for a right token. Where none is needed, any is as good as none, and the cookie means nothing.
    pub(super) fn cookie_for(&self, given: &str) -> Option<String> {
        let value = match &self.token {
            Some((token, _)) if blake3::hash(given.as_bytes()) != *token => return None,
            Some((_, cookie)) => cookie.as_str(),
            None => "none",
        };
        Some(format!("{}={value}; HttpOnly; SameSite=Strict; Path=/", self.cookie))
    }
}

/// A number of version 6 without its brackets.
fn bare(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

/// The name in `name`, `name:port`, `[::1]` or `[::1]:port`; nothing where it is none of these.
fn name_of(header: &str) -> Option<&str> {
    let (name, port) = match header.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => header.split_at(header.find(':').unwrap_or(header.len())),
    };
    let digits = port.strip_prefix(':');
    let sound = port.is_empty() || digits.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_ok());
    // A full stop at the end of a name changes nothing about it.
    (sound && !name.is_empty()).then(|| name.strip_suffix('.').unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::Access;

    #[test]
    fn only_its_own_names_are_known() {
        let access = Access::new(&["[fd00::7]", "Lab.example"], false, 80, None);
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:8080",
            "[fd00::7]:80",
            "lab.example",
            "lab.example.:99",
        ] {
            assert!(access.knows_host(Some(host)), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "localhost:80:80",
            "localhost:x",
            "localhost:",
            "[::1",
            "::1",
            "[::2]",
            "10.0.0.1",
            "",
            ":80",
            "localhost@evil.example",
        ] {
            assert!(!access.knows_host(Some(host)), "{host}");
        }
        assert!(!access.knows_host(None));
        let open = Access::new(&[], true, 80, None);
        assert!(open.knows_host(Some("10.0.0.1:80")) && open.knows_host(Some("[fd00::9]:80")));
        assert!(!open.knows_host(Some("evil.example")));
    }

    #[test]
    fn a_token_becomes_a_cookie_and_nothing_else_does() {
        let access = Access::new(&[], false, 8080, Some("0123456789abcdef"));
        assert!(!access.admits("") && !access.admits("mae-exp-8080=0123456789abcdef"));
        assert_eq!(access.cookie_for("0123456789abcdeF"), None);
        assert_eq!(access.cookie_for(""), None);
        let set = access.cookie_for("0123456789abcdef").unwrap();
        assert!(set.contains("; HttpOnly") && set.contains("; SameSite=Strict"), "{set}");
        assert!(
            !set.contains("0123456789abcdef"),
            "the cookie does not hold the token: {set}"
        );
        let pair = set.split(';').next().unwrap();
        assert!(access.admits(pair) && access.admits(&format!("a=b; {pair}; c=d")));
        assert!(!access.admits(&pair.replace("8080", "8081")));
        let other = Access::new(&[], false, 8080, Some("fedcba9876543210"));
        assert!(!other.admits(pair), "another token, another cookie");
        assert!(Access::new(&[], false, 8080, None).admits(""));
    }
}
