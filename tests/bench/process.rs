//! A program in a process of its own, so that what it costs can be told from what its clients cost.

use std::fs;
use std::process::{Child, Command};

pub struct Process(Child);

impl Process {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("a program"))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn resident_kb(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("a Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
