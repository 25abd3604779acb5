//! Where calls are kept: in a file of this machine, or in a ClickHouse.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What keeps the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Store {
    /// The file that `ledger.path` names.
    #[default]
    Sqlite,
    /// A ClickHouse.
    ClickHouse(Dsn),
}

/// Where a ClickHouse is: `clickhouse://HOST:PORT[,HOST:PORT...]/DATABASE`, or `clickhouses://` for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dsn {
    /// Whether it is spoken to over TLS.
    pub(crate) tls: bool,
    /// Hosts with their ports: replicas of one another.
    pub(crate) hosts: Vec<String>,
    /// The database that the Collector writes to.
    pub(crate) database: String,
}

const SQLITE: &str = "sqlite";
const PLAIN: &str = "clickhouse://";
const TLS: &str = "clickhouses://";
/// Ports of ClickHouse's HTTP interface.
const PORT: u16 = 8123;
const TLS_PORT: u16 = 8443;

impl Dsn {
    /// The addresses as URLs.
    #[must_use]
    pub(crate) fn urls(&self) -> Vec<String> {
        let scheme = if self.tls { "https" } else { "http" };
        self.hosts.iter().map(|host| format!("{scheme}://{host}")).collect()
    }
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == SQLITE {
            return Ok(Self::Sqlite);
        }
        let (tls, rest) = match (text.strip_prefix(PLAIN), text.strip_prefix(TLS)) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err("must be \"sqlite\", or clickhouse://HOST:PORT/DATABASE".to_owned()),
        };
        let (hosts, database) = rest.split_once('/').ok_or("the database after the hosts is missing")?;
        if hosts.contains('@') {
            return Err("give the user and the password in ledger.clickhouse, not in the address".to_owned());
        }
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if database.is_empty() || !database.bytes().all(known) {
            return Err("the database has letters, digits, \"_\" and \"-\" alone".to_owned());
        }
        let host = |host: &str| {
            // The port follows the last colon that is not within the brackets of an IPv6 address.
            let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map(|(_, port)| port);
            let url = match port {
                Some(_) => host.to_owned(),
                None => format!("{host}:{}", if tls { TLS_PORT } else { PORT }),
            };
            match url.parse::<http::uri::Authority>() {
                Ok(authority) if authority.port_u16().is_some() && !authority.host().is_empty() => Ok(url),
                _ => Err(format!("{host:?} is no host with a port")),
            }
        };
        let hosts: Vec<String> = hosts.split(',').map(host).collect::<Result<_, _>>()?;
        Ok(Self::ClickHouse(Dsn { tls, hosts, database: database.to_owned() }))
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => f.write_str(SQLITE),
            Self::ClickHouse(dsn) => {
                let scheme = if dsn.tls { TLS } else { PLAIN };
                write!(f, "{scheme}{}/{}", dsn.hosts.join(","), dsn.database)
            }
        }
    }
}

impl Serialize for Store {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Store {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_addresses_of_replicas_with_the_ports_of_the_protocol() {
        let urls = |text: &str| match text.parse() {
            Ok(Store::ClickHouse(dsn)) => (dsn.urls(), dsn.database),
            other => panic!("{other:?}"),
        };
        let (hosts, database) = urls("clickhouse://a,b:9000,[::1]/otel");
        assert_eq!(hosts, ["http://a:8123", "http://b:9000", "http://[::1]:8123"]);
        assert_eq!(database, "otel");
        assert_eq!(urls("clickhouses://ch.example/otel").0, ["https://ch.example:8443"]);
        assert_eq!("sqlite".parse(), Ok(Store::Sqlite));
        for text in ["clickhouse://a:8123/otel", "clickhouses://a:1,[::1]:2/x_1", "sqlite"] {
            assert!(text.parse::<Store>().unwrap().to_string() == text, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_address_and_never_repeats_a_password() {
        for text in [
            "",
            "postgres://a/b",
            "clickhouse://a:8123",
            "clickhouse:///otel",
            "clickhouse://a/",
            "clickhouse://a:x/b",
        ] {
            assert!(text.parse::<Store>().is_err(), "{text}");
        }
        let error = "clickhouse://ada:secret@a:8123/otel".parse::<Store>().unwrap_err();
        assert!(error.contains("ledger.clickhouse") && !error.contains("secret"), "{error}");
    }
}
