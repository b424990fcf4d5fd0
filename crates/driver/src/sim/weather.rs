//! Weather: how rough a simulated world is.
//!
//! Holds: `calm` has no fault at all; `drawn` gives each seed its own mixture, so that faults that mask each other are
//! also met alone. Faults that change data behind a program's back (lost and misdirected writes, rot) are never drawn here:
//! a test that can tell asks for them.

use super::dice::{Dice, Rate};
use crate::Nanos;

/// How rough a world is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Longest time that passes between two readings of the clock, nanoseconds.
    pub reading_ns: Nanos,
    /// A reading is followed by a pause: the thread was not scheduled.
    pub pause: Rate,
    /// Longest such pause, nanoseconds.
    pub pause_ns: Nanos,
    /// A descriptor that is ready is not heard this time, but later.
    pub late_bell: Rate,
    /// A sleeper wakes for no reason.
    pub spurious: Rate,
    /// A completion that could be reaped is reaped later.
    pub held_back: Rate,
    /// The disks.
    pub disk: DiskWeather,
    /// The network.
    pub net: NetWeather,
}

/// How rough the disks are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskWeather {
    /// Longest usual time of one operation, nanoseconds.
    pub latency_ns: Nanos,
    /// An operation takes up to a hundred times as long.
    pub slow: Rate,
    /// A read or write transfers less than it was asked to.
    pub short: Rate,
    /// A read fails with EIO.
    pub read_error: Rate,
    /// A write fails with EIO, some of it done.
    pub write_error: Rate,
    /// A sync fails with EIO; what was to be written is forgotten, as Linux forgets it.
    pub sync_error: Rate,
    /// A write is acknowledged and never made.
    pub lost: Rate,
    /// A write lands elsewhere in its file.
    pub misdirected: Rate,
    /// A read finds a bit turned over.
    pub rot: Rate,
    /// Bytes that fit on one disk.
    pub capacity_bytes: u64,
}

/// How rough the network is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetWeather {
    /// Longest usual time on the way, nanoseconds.
    pub latency_ns: Nanos,
    /// Bytes take up to a hundred times as long.
    pub slow: Rate,
    /// A transfer is shorter than it could be.
    pub short: Rate,
    /// A connection is lost when it is used: both sides are told.
    pub cut: Rate,
    /// One direction of a connection falls silent for ever when it is used: nobody is told.
    pub silent: Rate,
    /// Bytes on the way or not received, per direction; then the sender waits.
    pub buffer_bytes: usize,
}

impl Weather {
    /// No faults, short times.
    pub fn calm() -> Self {
        Self {
            reading_ns: 200,
            pause: Rate::NEVER,
            pause_ns: 0,
            late_bell: Rate::NEVER,
            spurious: Rate::NEVER,
            held_back: Rate::NEVER,
            disk: DiskWeather {
                latency_ns: 100_000,
                slow: Rate::NEVER,
                short: Rate::NEVER,
                read_error: Rate::NEVER,
                write_error: Rate::NEVER,
                sync_error: Rate::NEVER,
                lost: Rate::NEVER,
                misdirected: Rate::NEVER,
                rot: Rate::NEVER,
                capacity_bytes: 1 << 40,
            },
            net: NetWeather {
                latency_ns: 50_000,
                slow: Rate::NEVER,
                short: Rate::NEVER,
                cut: Rate::NEVER,
                silent: Rate::NEVER,
                buffer_bytes: 64 << 10,
            },
        }
    }

    /// A mixture of its own for each seed: about half of the kinds of trouble, each at a drawn rate. Every error it brings is
    /// one that a program is told of, but for silence on the network.
    pub fn drawn(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "weather");
        let mut weather = Self::calm();
        let mut rate =
            |most: u32| if dice.coin() { Rate(dice.below(u64::from(most)) as u32) } else { Rate::NEVER };
        weather.pause = rate(5_000);
        weather.late_bell = rate(300_000);
        weather.spurious = rate(200_000);
        weather.held_back = rate(300_000);
        let disk = &mut weather.disk;
        (disk.slow, disk.short) = (rate(50_000), rate(300_000));
        (disk.read_error, disk.write_error, disk.sync_error) = (rate(20_000), rate(20_000), rate(50_000));
        let net = &mut weather.net;
        (net.slow, net.short, net.cut, net.silent) = (rate(50_000), rate(500_000), rate(20_000), rate(5_000));
        weather.pause_ns = dice.between(10_000..=20_000_000);
        weather.reading_ns = dice.between(20..=2_000);
        weather.disk.latency_ns = dice.between(2_000..=500_000);
        weather.net.latency_ns = dice.between(2_000..=2_000_000);
        weather.net.buffer_bytes = 1 << dice.between(6..=16);
        weather
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_have_weathers_of_their_own_and_none_changes_data_in_silence() {
        let drawn: Vec<Weather> = (0..200).map(Weather::drawn).collect();
        assert!(drawn.windows(2).all(|two| two[0] != two[1]));
        assert_eq!(drawn[3], Weather::drawn(3));
        for weather in &drawn {
            let disk = &weather.disk;
            assert_eq!([disk.lost, disk.misdirected, disk.rot], [Rate::NEVER; 3]);
        }
        let with = |has: fn(&Weather) -> bool| drawn.iter().filter(|weather| has(weather)).count();
        assert!((60..140).contains(&with(|weather| weather.net.cut > Rate::NEVER)));
        assert!((60..140).contains(&with(|weather| weather.spurious > Rate::NEVER)));
    }
}
