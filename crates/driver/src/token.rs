//! Tokens: a secret in a file that its owner alone may read.
//!
//! Lives here: `read_or_make`.
//! Holds: the file's mode is 0600 and its owner this user, or it is refused; the secret is the system's randomness.
//! Not here: what a token opens (`runtime::transport::stream::tcp`).

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes of the secret; as many pairs of hexadecimal digits are in the file.
const SECRET_BYTES: usize = 32;
/// Bytes read of a file that may be anything.
const FILE_BYTES_MAX: u64 = 256;

/// The text of the token's file, which is made if it is missing.
///
/// # Errors
/// The system's; `PermissionDenied` in words for a file that others may read or that is not this user's.
pub fn read_or_make(path: &Path) -> io::Result<String> {
    let mode = Mode::RUSR | Mode::WUSR;
    let fresh = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    match rustix::fs::open(path, fresh, mode) {
        Ok(fd) => {
            let mut secret = [0; SECRET_BYTES];
            let mut filled = 0;
            while filled < secret.len() {
                filled += getrandom(&mut secret[filled..], GetRandomFlags::empty())?;
            }
            let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            std::fs::File::from(fd).write_all(format!("{text}\n").as_bytes())?;
            Ok(text)
        }
        Err(Errno::EXIST) => read(path),
        Err(errno) => Err(errno.into()),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let denied = |text: String| io::Error::new(io::ErrorKind::PermissionDenied, text);
    let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?;
    let stat = rustix::fs::fstat(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_uid != crate::socket::user() {
        return Err(denied("it is not a file of this user's".into()));
    }
    let mode = stat.st_mode & 0o777;
    if mode & 0o077 != 0 {
        return Err(denied(format!("others may read it (mode {mode:04o}); make it 0600, or remove it")));
    }
    let mut text = String::new();
    std::fs::File::from(fd).take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone_and_one_that_others_read_is_refused() {
        let directory = std::env::temp_dir().join(format!("windlass-token-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("token");
        let made = read_or_make(&path).unwrap();
        assert_eq!(made.len(), 2 * SECRET_BYTES);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_or_make(&path).unwrap().trim(), made);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_or_make(&path).unwrap_err().to_string().contains("0600"));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
