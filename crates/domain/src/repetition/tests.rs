//! Repetitions, conflicts and windows, in the words of the rule.

use super::*;
use proptest::prelude::*;

fn identity(number: u8) -> Identity {
    Identity::of("shop", &number.to_string())
}

fn content(number: u8) -> Content {
    Content::of(&[number])
}

fn window() -> Window {
    Window { offsets: 10, time: SignedDuration::from_hours(24) }
}

fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
}

#[test]
fn a_repetition_is_one_just_inside_the_window_and_a_new_event_just_outside() {
    let check = |offset, hours, expected| {
        let mut memory = Memory::new(window());
        assert_eq!(memory.meet(identity(1), content(1), 0, at(0)), Meeting::New);
        memory.keep();
        assert_eq!(memory.meet(identity(1), content(1), offset, at(hours)), expected, "{offset} {hours}");
    };
    check(10, 24, Meeting::Repetition { first: 0 });
    check(11, 24, Meeting::New);
    check(10, 25, Meeting::New);
}

#[test]
fn the_window_is_as_long_in_every_year_that_an_event_may_name() {
    for year in [-9000, 1600, 1970, 2261, 2285, 9998] {
        let began = jiff::civil::date(year, 1, 1).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        let mut memory = Memory::new(window());
        memory.meet(identity(1), content(1), 0, began);
        memory.keep();
        let within = began + SignedDuration::from_hours(24);
        assert_eq!(
            memory.meet(identity(1), content(1), 1, within),
            Meeting::Repetition { first: 0 },
            "{year}"
        );
        memory.forget();
        let beyond = within + SignedDuration::from_micros(1);
        assert_eq!(memory.meet(identity(1), content(1), 1, beyond), Meeting::New, "{year}");
    }
}

#[test]
fn the_first_stays_in_force_when_the_second_tells_something_else() {
    let mut memory = Memory::new(window());
    memory.meet(identity(1), content(1), 0, at(0));
    assert_eq!(memory.meet(identity(1), content(2), 1, at(0)), Meeting::Conflict { first: 0 });
    assert_eq!(memory.meet(identity(1), content(1), 2, at(0)), Meeting::Repetition { first: 0 });
}

#[test]
fn a_conflict_that_was_decided_puts_the_second_telling_in_force_until_it_is_rolled_back() {
    let mut memory = Memory::new(window());
    memory.meet(identity(1), content(1), 0, at(0));
    memory.keep();
    assert_eq!(memory.take_over(identity(1), content(2), 2, at(0)), Meeting::New);
    assert_eq!(memory.meet(identity(1), content(2), 3, at(0)), Meeting::Repetition { first: 2 });
    assert_eq!(memory.take_over(identity(1), content(2), 4, at(0)), Meeting::Repetition { first: 2 });
    assert_eq!(memory.meet(identity(1), content(1), 5, at(0)), Meeting::Conflict { first: 2 });
    memory.forget();
    assert_eq!(memory.meet(identity(1), content(1), 6, at(0)), Meeting::Repetition { first: 0 });
}

#[test]
fn a_released_record_enters_at_its_own_place() {
    let mut memory = Memory::new(window());
    memory.meet(identity(2), content(2), 8, at(0));
    assert_eq!(memory.meet(identity(1), content(1), 3, at(0)), Meeting::New);
    assert_eq!(memory.meet(identity(2), content(2), 4, at(0)), Meeting::Repetition { first: 8 });
    memory.keep();
    assert_eq!(memory.meet(identity(1), content(1), 13, at(0)), Meeting::Repetition { first: 3 });
    assert_eq!(memory.meet(identity(2), content(2), 18, at(0)), Meeting::Repetition { first: 8 });
    let mut far = Memory::new(window());
    far.meet(identity(1), content(1), 3, at(0));
    assert_eq!(far.meet(identity(1), content(1), 14, at(0)), Meeting::New);
}

#[test]
fn a_clock_that_went_back_hides_no_earlier_record() {
    let mut memory = Memory::new(window());
    assert_eq!(memory.meet(identity(1), content(1), 0, at(36)), Meeting::New);
    assert_eq!(memory.meet(identity(1), content(1), 1, at(6)), Meeting::Repetition { first: 0 });
    assert_eq!(memory.meet(identity(1), content(1), 2, at(36)), Meeting::Repetition { first: 0 });
}

#[test]
fn what_was_rejected_after_all_was_never_met() {
    let mut memory = Memory::new(window());
    memory.meet(identity(1), content(1), 0, at(0));
    let second = memory.mark();
    // Three identities in one record: a new one, one of the record before, and the new one again.
    assert_eq!(memory.meet(identity(2), content(2), 1, at(0)), Meeting::New);
    assert_eq!(memory.meet(identity(1), content(1), 1, at(0)), Meeting::Repetition { first: 0 });
    assert_eq!(memory.meet(identity(2), content(2), 1, at(0)), Meeting::Repetition { first: 1 });
    memory.forget_since(second);
    assert_eq!(memory.len(), 1);
    assert_eq!(memory.meet(identity(2), content(3), 2, at(0)), Meeting::New);
    // Seen last at offset 0, so at 11 it is out of the window.
    assert_eq!(memory.meet(identity(1), content(1), 11, at(0)), Meeting::New);
}

#[test]
fn several_identities_at_one_offset_leave_the_window_together() {
    let mut memory = Memory::new(window());
    for number in [1, 2, 1] {
        memory.meet(identity(number), content(number), 0, at(0));
    }
    memory.keep();
    assert_eq!(memory.len(), 2);
    memory.meet(identity(3), content(3), 11, at(0));
    memory.keep();
    assert_eq!(memory.len(), 1);
}

#[test]
fn what_was_rolled_back_was_never_met() {
    let mut memory = Memory::new(window());
    memory.meet(identity(1), content(1), 0, at(0));
    memory.keep();
    memory.meet(identity(1), content(1), 1, at(0));
    memory.meet(identity(2), content(2), 2, at(0));
    memory.forget();
    assert_eq!(memory.len(), 1);
    assert_eq!(memory.meet(identity(2), content(2), 2, at(0)), Meeting::New);
    assert_eq!(memory.meet(identity(1), content(1), 11, at(0)), Meeting::New);
}

/// The rule, word for word: is there an earlier record within the window?
fn by_the_rule(log: &[(i64, Identity, Timestamp)], at: usize) -> bool {
    let (offset, id, recorded) = log[at];
    log[..at].iter().any(|(earlier, known, before)| {
        *known == id
            && offset - earlier <= window().offsets
            && recorded.duration_since(*before) <= window().time
    })
}

proptest! {
    /// Whatever clocks do, the memory answers by the rule, and reading the last stretch back after a
    /// restart at any place answers as if there had been none.
    #[test]
    fn a_restart_anywhere_changes_no_answer(
        records in proptest::collection::vec((0u8..6, -20i64..30), 1..80),
        restart in 0usize..80,
    ) {
        let mut hours = 0;
        let log: Vec<_> = (0i64..).zip(&records).map(|(offset, (id, step))| {
            hours += step;
            (offset, identity(*id), at(hours))
        }).collect();
        let restart = restart.min(log.len());
        let mut undisturbed = Memory::new(window());
        for (offset, id, recorded) in &log[..restart] {
            undisturbed.meet(*id, content(0), *offset, *recorded);
            undisturbed.keep();
        }
        let mut restarted = Memory::new(window());
        for (offset, id, recorded) in log.iter().take(restart).skip(restart.saturating_sub(10)) {
            restarted.meet(*id, content(0), *offset, *recorded);
            restarted.keep();
        }
        for (position, (offset, id, recorded)) in log.iter().enumerate().skip(restart) {
            let one = undisturbed.meet(*id, content(0), *offset, *recorded);
            let other = restarted.meet(*id, content(0), *offset, *recorded);
            prop_assert_eq!(one == Meeting::New, other == Meeting::New);
            prop_assert_eq!(one != Meeting::New, by_the_rule(&log, position));
            undisturbed.keep();
            restarted.keep();
        }
    }
}

#[test]
fn a_full_window_of_identities_takes_some_fifty_bytes_each() {
    let mut memory = Memory::new(Window { offsets: 125_000, ..Window::default() });
    for offset in 0..250_000 {
        let identity = Identity::of("shop", &offset.to_string());
        assert_eq!(memory.meet(identity, content(1), offset, at(0)), Meeting::New);
        if offset % 1_000 == 0 {
            memory.keep();
        }
    }
    memory.keep();
    assert_eq!(memory.len(), 125_001);
    assert!(memory.bytes() < 56 * 125_000, "{}", memory.bytes());
}
