//! Plots as SVG inside HTML. Horizontal positions are shares of the width, so that text keeps its size on every
//! screen; vertical ones are pixels.

mod axis;
mod over_time;
mod ranking;

pub(super) use over_time::{OverTime, Series, Shape, interval, over_time};
pub(super) use ranking::{Bar, ranking};

/// A horizontal position or width; three decimals are finer than a pixel.
fn share_of_width(part: f64) -> String {
    let text = format!("{:.3}", part * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}
