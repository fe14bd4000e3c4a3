//! What somebody meant who misspelt a name.

/// The known name that is nearest to `given`, if one is near enough to be meant.
///
/// Near enough: one change in up to three letters, and one more for every three further ones; upper and lower
/// case, `-` and `_` count as the same. A name that begins with what was given is near.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let given = plain(given);
    let most = given.chars().count().div_ceil(3).min(4);
    let distance = |name: &str| {
        // The beginning of a name is nearly the whole of it.
        let begun = given.chars().count() > 3 && plain(name).starts_with(&given);
        if begun { 1 } else { strsim::damerau_levenshtein(&given, &plain(name)) }
    };
    let distances = known.into_iter().map(|name| (distance(name), name));
    distances
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant_and_nonsense_finds_none() {
        let names = ["promised_date", "promise_ids", "value", "state", "customer-support"];
        let check = |given: &str, meant: Option<&str>| assert_eq!(nearest(given, names), meant, "{given}");
        check("valeu", Some("value"));
        check("promiseddate", Some("promised_date"));
        check("promise_id", Some("promise_ids"));
        check("customer_support", Some("customer-support"));
        check("State", Some("state"));
        check("promised", Some("promised_date"));
        check("colour", None);
        check("x", None);
    }
}
