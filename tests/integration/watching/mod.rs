//! Changes made by real programs are heard by their events alone: editors, git, rsync, cargo, and a write through a mapping.

mod bench;
mod programs;
mod served;

use stackup_tests::print_skipped;

use self::bench::{Bench, has_two_disks, places};
use self::programs::{Program, is_installed};

/// Each change that `program` makes is reported, and nothing else is; in a folder for temporary files, which some editors treat
/// in a way of its own, outside of it, and in memory.
async fn is_heard(program: Program) {
    if let Some(missing) = program.needs.iter().find(|name| !is_installed(name)) {
        print_skipped(&format!("`{missing}` is not installed"));
        return;
    }
    for place in places() {
        let mut bench = Bench::new(&place, program);
        bench.listen();
        bench.change();
        bench.assert_heard().await;
    }
}

#[tokio::test]
async fn vim_is_heard() {
    is_heard(programs::VIM).await;
}

#[tokio::test]
async fn nano_is_heard() {
    is_heard(programs::NANO).await;
}

#[tokio::test]
async fn sed_in_place_is_heard() {
    is_heard(programs::SED).await;
}

#[tokio::test]
async fn rsync_is_heard() {
    is_heard(programs::RSYNC).await;
}

#[tokio::test]
async fn rsync_by_content_of_equal_size_and_time_is_heard() {
    is_heard(programs::RSYNC_CHECKSUM).await;
}

#[tokio::test]
async fn rsync_in_place_of_equal_size_and_time_is_heard() {
    is_heard(programs::RSYNC_IN_PLACE).await;
}

#[tokio::test]
async fn git_checkout_is_heard() {
    is_heard(programs::GIT_CHECKOUT).await;
}

#[tokio::test]
async fn cargo_that_links_its_library_is_heard() {
    is_heard(programs::CARGO).await;
}

#[tokio::test]
async fn cargo_that_copies_its_library_is_heard() {
    match has_two_disks() {
        true => is_heard(programs::CARGO_COPIES).await,
        false => print_skipped("there is only one file system"),
    }
}

#[tokio::test]
async fn write_through_a_mapping_is_heard() {
    is_heard(programs::MAPPING).await;
}

#[tokio::test]
async fn write_through_a_mapping_with_its_time_set_back_is_heard() {
    is_heard(programs::MAPPING_SET_BACK).await;
}

/// Where the system reports no events, as on a network file system.
#[tokio::test]
async fn polling_finds_content_of_equal_size_and_time() {
    for program in [
        programs::RSYNC_CHECKSUM,
        programs::RSYNC_IN_PLACE,
        programs::MAPPING_SET_BACK,
    ] {
        if !program.needs.iter().all(|name| is_installed(name)) {
            print_skipped("`rsync` or `python3` is not installed");
            continue;
        }
        // In memory, a write through a mapping changes nothing that could be polled.
        let disk = &places()[0];
        let mut bench = Bench::new(disk, program);
        bench.poll();
        bench.change();
        bench.assert_heard().await;
    }
}
