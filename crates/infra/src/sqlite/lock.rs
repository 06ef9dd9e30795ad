use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The right to be the server of a database file: an exclusive `flock` on a file beside it.
///
/// The operating system gives it back when the process ends, however it ends.
pub(super) struct ServerLock {
    _file: File,
}

impl ServerLock {
    /// Takes the lock, or says who has it: another server.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = beside(database);
        let unusable = |source| StoreError::File { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(database.to_owned())),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_server_is_refused_until_the_first_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("c.db");
        let first = ServerLock::take(&database).unwrap();
        assert!(matches!(ServerLock::take(&database), Err(StoreError::Locked(path)) if path == database));
        drop(first);
        assert!(ServerLock::take(&database).is_ok());
    }
}
