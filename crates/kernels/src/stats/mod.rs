//! Statistics that need bins, order or pairs: histograms, quantiles, covariance. Means and variances are reductions (`reduce::Moment`).

mod histogram;
mod pairs;
mod quantile;

pub use histogram::{Bins, histogram, histogram_dd};
pub use pairs::Pairs;
pub use quantile::{Quantile, quantile};
