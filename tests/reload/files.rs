//! That a change of a file is noticed, however it comes about. The clock is paused: only the files are real.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tokio::time::Duration;

use crate::rig::{ALLOW, DENY_HELLO, Rig};

#[tokio::test(start_paused = true)]
async fn a_file_that_comes_changes_or_goes_is_noticed_in_seconds() {
    let rig = Rig::start("").await;
    rig.write("policy/deny.json", DENY_HELLO);
    let begun = tokio::time::Instant::now();
    rig.generation(2).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    rig.write("policy/deny.json", &DENY_HELLO.replace("NoHello", "StillNoHello"));
    rig.generation(3).await;
    fs::remove_file(rig.folder.path().join("policy/deny.json")).unwrap();
    rig.generation(4).await;
    // An editor that writes the same again changes nothing.
    rig.write("policy/allow.json", ALLOW);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(rig.app.generation().number, 4);
}

/// Kubernetes keeps a version in a hidden folder, to which `..data` points; every file points into `..data`.
#[tokio::test(start_paused = true)]
async fn a_mounted_config_map_that_is_swapped_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("policy");
    let version = |name: &str, text: &str| {
        fs::create_dir_all(mount.join(name)).unwrap();
        fs::write(mount.join(name).join("policy.json"), text).unwrap();
    };
    version("..2026_11_21_1", ALLOW);
    symlink("..2026_11_21_1", mount.join("..data")).unwrap();
    symlink(Path::new("..data").join("policy.json"), mount.join("policy.json")).unwrap();
    let rig = Rig::start_in(folder, "").await;

    let mount = rig.folder.path().join("policy");
    fs::create_dir_all(mount.join("..2026_11_21_2")).unwrap();
    let text = ALLOW.replace("Sending", "SendingAnew");
    fs::write(mount.join("..2026_11_21_2").join("policy.json"), text).unwrap();
    symlink("..2026_11_21_2", mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    rig.generation(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_file_in_error_is_told_of_once_and_taken_when_it_is_mended() {
    let rig = Rig::start("").await;
    rig.write("sesgate.toml", "[limits\n");
    let failed = async || {
        for _ in 0..600 {
            if let Some(last) = rig.app.generation().last_reload {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody looked");
    };
    let last = failed().await;
    assert!(last.problems[0].contains("sesgate.toml:1:8: not TOML"), "{last:?}");
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(
        rig.app.generation().last_reload,
        Some(last.clone()),
        "it is tried again though nothing changed"
    );
    // A file that the broken one does not name is looked at all the same, for the sake of the next one.
    rig.write("policy/deny.json", DENY_HELLO);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_ne!(rig.app.generation().last_reload, Some(last));
    rig.configure("");
    rig.generation(2).await;
}

/// While somebody writes, the file is another at each look.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_still_being_written_is_waited_for() {
    let rig = Rig::start("").await;
    for length in 1..10 {
        rig.write("policy/deny.json", DENY_HELLO.split_at(length * 10).0);
        tokio::time::sleep(Duration::from_millis(1900)).await;
    }
    rig.write("policy/deny.json", DENY_HELLO);
    rig.generation(2).await;
    assert_eq!(rig.app.generation().last_reload.unwrap().problems, [""; 0]);
}
