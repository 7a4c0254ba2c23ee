//! SIGKILL at any moment: the cache file is always valid, and entries of finished calls are kept.

use std::thread;
use std::time::{Duration, Instant};

use crate::cache_file::assert_only_cache_files;
use crate::support::{Call, Credential, HOUR, Sandbox, Signal};

const WRITERS: usize = 200;
const AT_ONCE: usize = 4;

#[test]
fn killing_writers_at_random_moments_loses_no_stored_entry() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential);
    let call = |number: usize| -> Call { sandbox.cache(&plugin).arg(number.to_string()) };
    // The duration of an undisturbed call decides when the others are killed.
    let start = Instant::now();
    call(WRITERS).run().assert_prints(&credential);
    let whole_life = start.elapsed();

    let mut finished = vec![WRITERS];
    for first in (0..WRITERS).step_by(AT_ONCE) {
        let writers: Vec<_> = (first..first + AT_ONCE).map(|number| (number, call(number).spawn())).collect();
        for (number, writer) in writers {
            thread::sleep(random.up_to(whole_life / 2));
            writer.signal(Signal::Kill);
            let run = writer.finish();
            if run.status.success() {
                run.assert_prints(&credential);
                finished.push(number);
            }
        }
        assert!(sandbox.entries() >= finished.len(), "a stored credential was lost");
    }
    assert!(finished.len() < WRITERS, "no writer was killed in time, so nothing was tested");
    let runs = plugin.runs();
    for &number in &finished {
        call(number).run().assert_prints(&credential);
    }
    assert_eq!(plugin.runs(), runs, "a finished call's credential was lost");
    // The cache still works.
    for number in 0..WRITERS {
        call(number).run().assert_prints(&credential);
    }
    assert_eq!(sandbox.entries(), WRITERS + 1);
    assert_only_cache_files(&sandbox.cache_directory());
}

/// xorshift64. The scheduler adds the real randomness.
struct Random(u64);

impl Random {
    fn up_to(&mut self, most: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        most * (self.0 % 1024) as u32 / 1024
    }
}
