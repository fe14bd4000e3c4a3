//! What somebody meant who misspelt a name.

/// The known name that is nearest to `given`, if one is near enough to be meant.
///
/// Near enough: one change in up to three letters, and one more for every three further ones; upper and lower
/// case, `-` and `_` count as the same.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let given = plain(given);
    let most = given.chars().count().div_ceil(3).min(4);
    let distances = known.into_iter().map(|name| (strsim::damerau_levenshtein(&given, &plain(name)), name));
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
        check("colour", None);
        check("x", None);
    }
}
