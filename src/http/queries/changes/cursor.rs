//! A cursor holds where the walk goes on, and both moments: what an instant means that is still near may change by an event.

use uuid::Uuid;

use super::Between;
use super::walk::Place;
use crate::clock::Timestamp;
use crate::ledger::past::Moment;
use crate::projections::validity::by_clock;

const HAPPENED: u8 = 0;

pub fn sealed(between: Between, place: Place) -> Vec<u8> {
    let moment = |moment: Option<Moment>| match moment {
        Some(moment) => (moment.position + 1, moment.at.millis()),
        None => (0, 0),
    };
    let (range, first, second) = match place {
        Place::Happened(position) => (HAPPENED, position.cast_signed(), Uuid::nil()),
        Place::ByClock(range, None) => (range as u8 * 2 + 1, 0, Uuid::nil()),
        Place::ByClock(range, Some(place)) => (range as u8 * 2 + 2, place.at_ms, place.credential),
    };
    let mut bytes = vec![range];
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes.extend_from_slice(second.as_bytes());
    for (events, at) in [moment(between.from), moment(Some(between.to))] {
        bytes.extend_from_slice(&events.to_be_bytes());
        bytes.extend_from_slice(&at.to_be_bytes());
    }
    bytes
}

pub fn opened(bytes: &[u8]) -> Option<(Between, Place)> {
    let (range, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (second, rest) = rest.split_first_chunk::<16>()?;
    let (from, to) = rest.split_first_chunk::<16>()?;
    let first = i64::from_be_bytes(*first);
    let place = match range.checked_sub(1) {
        None => Place::Happened(first.cast_unsigned()),
        Some(range) => {
            let place = by_clock::Place { at_ms: first, credential: Uuid::from_bytes(*second) };
            Place::ByClock(usize::from(range / 2), (range % 2 == 1).then_some(place))
        }
    };
    let between = Between { from: moment(from)?, to: moment(to.try_into().ok()?)?? };
    Some((between, place))
}

/// None within: before the first event.
fn moment(bytes: &[u8; 16]) -> Option<Option<Moment>> {
    let (events, at) = bytes.split_first_chunk::<8>()?;
    let at = Timestamp::from_millis(i64::from_be_bytes(at.try_into().ok()?))?;
    let position = u64::from_be_bytes(*events).checked_sub(1);
    Some(position.map(|position| Moment { position, at }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was_sealed() {
        let at = |millis| Timestamp::from_millis(millis).expect("an instant");
        let (one, two) = (Moment { position: 0, at: at(5) }, Moment { position: 900, at: at(77) });
        let place = by_clock::Place { at_ms: -4, credential: Uuid::from_u128(7) };
        for from in [None, Some(one)] {
            let between = Between { from, to: two };
            for place in [
                Place::Happened(0),
                Place::Happened(u64::MAX >> 1),
                Place::ByClock(0, None),
                Place::ByClock(1, None),
                Place::ByClock(0, Some(place)),
                Place::ByClock(1, Some(place)),
            ] {
                let sealed = sealed(between, place);
                assert_eq!(opened(&sealed), Some((between, place)));
                assert_eq!(opened(&sealed[1..]), None);
            }
        }
    }
}
