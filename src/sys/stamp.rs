//! The stamp of a file: what the system knows about a file that changes if the file does.
//!
//! The cache key and the kubeconfig editor compare stamps. The platform folders take them:
//! `file_stamp` for a path, `open_file_stamp` for an open file.

use std::time::Duration;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file that may be executed.
    Program,
    /// Any other regular file.
    File,
    /// A directory, a device, a socket.
    Other,
}

/// Identity, size and times of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// The device number; on Windows the serial number of the volume.
    pub device: u64,
    /// The inode number; on Windows the file's identifier.
    pub inode: u128,
    /// In bytes.
    pub size: u64,
    /// When the content was last written, in nanoseconds since the Unix epoch.
    pub modified_ns: i128,
    /// When the content, the name or the attributes last changed, in nanoseconds since the Unix epoch.
    /// Programs cannot set it.
    pub changed_ns: i128,
}

impl FileStamp {
    /// When the content was last written, since the Unix epoch. `None` for a time before it.
    pub fn modified(&self) -> Option<Duration> {
        u64::try_from(self.modified_ns).ok().map(Duration::from_nanos)
    }

    /// Whether `other` is the same file and was not written in between. The change time does not
    /// count: it also changes when the file is renamed or loses a name.
    pub fn has_same_content(&self, other: &FileStamp) -> bool {
        FileStamp { changed_ns: other.changed_ns, ..*self } == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_change_time_says_nothing_about_the_content() {
        let stamp = FileStamp { device: 1, inode: 2, size: 3, modified_ns: 4, changed_ns: 5 };
        assert!(stamp.has_same_content(&FileStamp { changed_ns: 6, ..stamp }));
        for other in [
            FileStamp { device: 9, ..stamp },
            FileStamp { inode: 9, ..stamp },
            FileStamp { size: 9, ..stamp },
            FileStamp { modified_ns: 9, ..stamp },
        ] {
            assert!(!stamp.has_same_content(&other), "{other:?}");
        }
    }
}
