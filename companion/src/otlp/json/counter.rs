//! The data points of a counter.

use super::cursor::Cursor;
use super::{double, enumeration, nanoseconds};
use crate::otlp::protobuf::whole;
use crate::otlp::{CUMULATIVE, Malformed, Part, PointView, Text};

/// The names of `AggregationTemporality` without what they begin with, by number.
const TEMPORALITIES: [&str; 3] = ["UNSPECIFIED", "DELTA", "CUMULATIVE"];

/// As [`Encoding::points`](crate::otlp::Encoding::points).
pub(super) fn points<'a>(
    text: &'a [u8],
    name: &str,
    mut each: impl FnMut(PointView<'a>),
) -> Result<(), Malformed> {
    let (mut named, mut sum) = (Text::EMPTY, b"null".as_slice());
    Cursor::of(text).members("metric", |member, value| {
        match member {
            b"name" => named = value.text("name")?,
            b"sum" => sum = value.skip()?,
            _ => drop(value.skip()?),
        }
        Ok(())
    })?;
    if named.head(name.len() + 1) != name {
        return Ok(());
    }
    let (mut points, mut cumulative) = (b"null".as_slice(), false);
    Cursor::of(sum).members("sum", |member, value| {
        match member {
            b"dataPoints" => points = value.skip()?,
            b"aggregationTemporality" => {
                let temporality =
                    enumeration(value, "aggregationTemporality", "AGGREGATION_TEMPORALITY_", &TEMPORALITIES)?;
                cumulative = temporality == CUMULATIVE;
            }
            _ => drop(value.skip()?),
        }
        Ok(())
    })?;
    Cursor::of(points).elements("dataPoints", |here| {
        let mut point =
            PointView { start: 0, time: 0, value: 0, cumulative, attributes: Part::Json(b"null") };
        here.members("data point", |member, value| {
            match member {
                b"startTimeUnixNano" => point.start = nanoseconds(value, "startTimeUnixNano")?,
                b"timeUnixNano" => point.time = nanoseconds(value, "timeUnixNano")?,
                b"asInt" => point.value = nanoseconds(value, "asInt")?,
                b"asDouble" => point.value = double(value, "asDouble")?.map_or(0, whole),
                b"attributes" => point.attributes = Part::Json(value.skip()?),
                _ => drop(value.skip()?),
            }
            Ok(())
        })?;
        each(point);
        Ok(())
    })
}
