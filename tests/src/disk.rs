//! Small disks that can be filled up, and made read-only.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::guard;

/// A file system of its own in memory, gone when this is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    dir: PathBuf,
}

impl SmallDisk {
    /// A disk of a size in MiB.
    ///
    /// # Panics
    /// If it cannot be mounted: only root can.
    #[must_use]
    pub fn make(mib: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("orders-tests-disk-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).expect("a directory is made");
        guard::will_remove(&dir);
        let size = format!("size={mib}m");
        let mut mount = as_root("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&dir);
        assert!(mount.status().is_ok_and(|status| status.success()), "only root can mount a disk");
        Self { dir }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Makes it read-only.
    ///
    /// # Panics
    /// If a file is open for writing.
    pub fn make_read_only(&self) {
        self.mount_again("remount,ro");
    }

    /// Makes it writable again.
    ///
    /// # Panics
    /// If the system call fails.
    pub fn make_writable(&self) {
        self.mount_again("remount,rw");
    }

    fn mount_again(&self, option: &str) {
        let mounted = as_root("mount").args(["-o", option]).arg(&self.dir).status();
        assert!(mounted.is_ok_and(|status| status.success()), "{option} is done");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(as_root("umount").arg(&self.dir).status());
        drop(std::fs::remove_dir(&self.dir));
    }
}

fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", program]);
    sudo
}
