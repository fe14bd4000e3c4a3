//! Points at which tests make a worker fail, and bugs that they plant so that a checker can prove its worth.
//!
//! Without the cargo feature `failpoints` nothing of this is compiled in: [`pass`] does nothing and [`planted`] is
//! `false`, both known to the compiler. With it the environment variable `FAILPOINTS` arms points by name, in the
//! syntax of the crate `fail`: `after-send=2999*off->1*return(abort)`. What a point is for stands where it is
//! passed.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!(
    "`failpoints` is for tests: a release build must not have points at which it can be made to fail"
);

#[cfg(feature = "failpoints")]
mod armed {
    use std::process::{Command, abort};
    use std::sync::Once;
    use std::time::Duration;

    use fail::FailScenario;

    /// What a test wishes at a point, if anything.
    pub(crate) fn wish(point: &str) -> Option<String> {
        static ARMED: Once = Once::new();
        // Its end would disarm the points.
        ARMED.call_once(|| std::mem::forget(FailScenario::setup()));
        fail::fail_point!(point, |wish| Some(wish.unwrap_or_default()));
        None
    }

    pub(crate) fn carry_out(point: &str, wish: &str) {
        match wish {
            "abort" => abort(),
            "stop" => {
                let stopped = Command::new("kill").arg("-STOP").arg(std::process::id().to_string()).status();
                assert!(stopped.is_ok_and(|status| status.success()), "SIGSTOP could not be sent");
            }
            other => panic!("the fail point `{point}` does not know `{other}`; it knows `abort` and `stop`"),
        }
    }

    pub(crate) fn soon(point: &'static str, after: Duration) {
        if let Some(wish) = wish(point) {
            std::thread::spawn(move || {
                std::thread::sleep(after);
                carry_out(point, &wish);
            });
        }
    }
}

/// Passes a point: where a test wishes it, the process dies here as by `kill -9`, or stops.
#[inline]
pub fn pass(point: &'static str) {
    #[cfg(feature = "failpoints")]
    if let Some(wish) = armed::wish(point) {
        armed::carry_out(point, &wish);
    }
    let _ = point;
}

/// The same a moment from now, on another thread: for what happens inside a call.
#[inline]
pub(crate) fn pass_soon(point: &'static str, after: std::time::Duration) {
    #[cfg(feature = "failpoints")]
    armed::soon(point, after);
    let _ = (point, after);
}

/// Whether a test wishes a bug to show here, now.
#[inline]
#[must_use]
pub fn planted(bug: &'static str) -> bool {
    #[cfg(feature = "failpoints")]
    return armed::wish(bug).is_some();
    #[cfg(not(feature = "failpoints"))]
    {
        let _ = bug;
        false
    }
}

/// A number that a test sets in place of ours.
#[inline]
pub(crate) fn number(setting: &'static str) -> Option<String> {
    #[cfg(feature = "failpoints")]
    return armed::wish(setting);
    #[cfg(not(feature = "failpoints"))]
    {
        let _ = setting;
        None
    }
}
