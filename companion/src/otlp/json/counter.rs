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
    let parts = Cursor::of(sum).parts("aggregationTemporality", "dataPoints")?;
    let parts = parts.ok_or(Malformed::Member("sum"))?;
    let temporality = &mut Cursor::of(parts.head);
    let temporality =
        enumeration(temporality, "aggregationTemporality", "AGGREGATION_TEMPORALITY_", &TEMPORALITIES)?;
    let cumulative = temporality == CUMULATIVE;
    parts.elements("dataPoints", |here| {
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
