//! Values that must not be read by accident.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a file that holds a secret: many times the longest token or URL.
const FILE_BYTES: u64 = 64 * 1024;

/// The text of a file that holds a secret.
///
/// # Errors
/// When it cannot be read, is not UTF-8, or is longer than any secret.
pub(crate) fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // A wrong path may lead to a file without an end.
    File::open(path)?.take(FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(io::Error::other(format!("longer than {FILE_BYTES} bytes, name the file of the secret")));
    }
    Ok(text)
}

/// What is to be remarked about a file with a secret: that others than its owner and group may read it.
pub(crate) fn remark(path: &Path) -> Option<&'static str> {
    #[cfg(unix)]
    if std::fs::metadata(path)
        .is_ok_and(|found| std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o004 != 0)
    {
        return Some(
            "every user of this machine can read this file, which holds a secret: take the permission with chmod o-r",
        );
    }
    let _ = path;
    None
}

/// A password, token or URL with a token in it. Prints and serialises as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The value itself, to hand it to its target.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The secret given as `value`, or as the content of `file` without the line end.
    ///
    /// # Errors
    /// When both are given, or the file cannot be read or is empty; the message names `key`, never the value.
    pub fn resolve(key: &str, value: Option<&Self>, file: Option<&Path>) -> Result<Option<Self>, String> {
        match (value, file) {
            (Some(_), Some(_)) => Err(format!("give either {key} or {key}_file, not both")),
            (Some(value), None) => Ok(Some(value.clone())),
            (None, None) => Ok(None),
            (None, Some(path)) => {
                let text =
                    read_file(path).map_err(|error| format!("{key}_file {}: {error}", path.display()))?;
                let text = text.trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    return Err(format!("{key}_file {} is empty", path.display()));
                }
                Ok(Some(Self(text.to_owned())))
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Takes anything, since what a reader says of a wrong type repeats the value.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Text(String),
            Other(IgnoredAny),
        }
        match Given::deserialize(deserializer)? {
            Given::Text(text) => Ok(Self(text)),
            Given::Other(IgnoredAny) => Err(D::Error::custom("must be text in quotes")),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_secret_up_to_the_longest_and_refuses_a_longer_file_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let longest = "a".repeat(64 * 1024);
        std::fs::write(&path, &longest).unwrap();
        assert_eq!(Secret::resolve("token", None, Some(&path)).unwrap().unwrap().expose(), longest);
        std::fs::write(&path, format!("{longest}a")).unwrap();
        let error = Secret::resolve("token", None, Some(&path)).unwrap_err();
        let expected = "longer than 65536 bytes, name the file of the secret";
        assert_eq!(error, format!("token_file {}: {expected}", path.display()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn refuses_a_file_without_an_end() {
        assert!(read_file(Path::new("/dev/zero")).is_err());
    }
}
