//! The machine a figure was taken on, and who else was busy on it.
//!
//! Lives here: `line` (what every row carries), `Load` (the warning before a run), `Busy` (what others used during it).
//! Holds: what cannot be read is said to be unknown, never left out.

use rustix::system::uname;
use std::{fs, time::Duration};

/// CPU model, cores, kernel: `Intel(R) Xeon(R) Processor, 2 cores, Linux 6.18.44`.
#[must_use]
pub fn line() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model(&information).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or_else(|_| "unknown".into(), |cores| cores.to_string());
    format!("{model}, {cores} cores, Linux {}", uname().release().to_string_lossy())
}

fn model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

/// How busy the machine was before a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// One-minute load average.
    pub average: f64,
    /// Share of all cores that was busy while we looked, 0 to 1.
    pub busy: f64,
}

impl Load {
    /// Looks at the load average, and at the cores for `window`; `None` where the kernel does not say.
    #[must_use]
    pub fn look(window: Duration) -> Option<Self> {
        let average = fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()?;
        let before = Busy::now()?;
        std::thread::sleep(window);
        Some(Self { average, busy: Busy::now()?.since(&before).share() })
    }

    /// Words for a person when figures taken now would be doubtful.
    ///
    /// The load average lags a minute behind (a build that just ended still shows), so the cores decide and it is
    /// only named.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        (self.busy > 0.1 || self.average > 1.0).then(|| {
            format!(
                "warning: load average {:.1}, cores {:.0} % busy before the run: read the figures as indications",
                self.average,
                self.busy * 100.0
            )
        })
    }
}

/// Time that all cores have spent, in clock ticks since start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Busy {
    /// Working.
    pub worked: u64,
    /// Wanted by us, given to another guest of the host.
    pub stolen: u64,
    /// All, idle included.
    pub all: u64,
}

impl Busy {
    /// The counters now; `None` where the kernel does not say.
    #[must_use]
    pub fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [user, nice, system, idle, waiting, interrupt, soft, stolen, ..] = ticks.as_slice() else {
            return None;
        };
        let worked = user + nice + system + interrupt + soft;
        Some(Self { worked, stolen: *stolen, all: worked + stolen + idle + waiting })
    }

    /// What was spent since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            worked: self.worked.saturating_sub(before.worked),
            stolen: self.stolen.saturating_sub(before.stolen),
            all: self.all.saturating_sub(before.all),
        }
    }

    /// Share of all cores that worked, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.all == 0 { 0.0 } else { self.worked as f64 / self.all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_line_names_processor_cores_and_kernel() {
        let line = line();
        assert!(line.contains(" cores, Linux "), "{line}");
        assert_eq!(model("processor : 0\nmodel name\t: Some CPU @ 2 GHz\n"), Some("Some CPU @ 2 GHz"));
    }

    #[test]
    fn busy_counts_work_and_theft_apart() {
        let before = Busy::parse("cpu  10 0 10 100 0 0 0 0 0 0\ncpu0 1 2 3").expect("reads");
        let after = Busy::parse("cpu  20 5 15 150 10 3 2 5 0 0\n").expect("reads");
        let spent = after.since(&before);
        assert_eq!(spent, Busy { worked: 25, stolen: 5, all: 90 });
        assert_eq!(Busy::parse("intr 1 2 3"), None);
    }

    #[test]
    fn only_a_busy_machine_is_warned_about() {
        assert_eq!(Load { average: 0.3, busy: 0.02 }.warning(), None);
        assert!(Load { average: 3.0, busy: 0.02 }.warning().expect("warned").contains("load average 3.0"));
        assert!(Load { average: 0.3, busy: 0.5 }.warning().expect("warned").contains("50 % busy"));
    }
}
