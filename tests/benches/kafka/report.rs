//! The table, the line of JSON and the verdict.

use std::io::Write as _;

use serde_json::{Map, Value as Json};

/// The benchmark's own clients take about a tenth of a processor.
const DISTURBED: f64 = 0.3;

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) hinge: String,
    pub(crate) copy: String,
    pub(crate) ratio: String,
    pub(crate) wanted: String,
    /// `None` where nothing is wanted.
    pub(crate) met: Option<bool>,
}

impl Row {
    /// A number of `hinge` alone.
    pub(crate) fn alone(what: &str, hinge: String) -> Self {
        let none = String::new;
        Self { what: what.to_owned(), hinge, copy: none(), ratio: none(), wanted: none(), met: None }
    }

    pub(crate) fn wanted(self, wanted: &str, met: bool) -> Self {
        Self { wanted: wanted.to_owned(), met: Some(met), ..self }
    }

    fn cells(&self) -> [&str; 6] {
        let verdict = match self.met {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "",
        };
        [&self.what, &self.hinge, &self.copy, &self.ratio, &self.wanted, verdict]
    }
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// Processors that something else kept busy, at most in any run.
    disturbed: f64,
    numbers: Map<String, Json>,
}

impl Report {
    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn number(&mut self, name: &str, value: Json) {
        self.numbers.insert(name.to_owned(), value);
    }

    /// How many processors something else kept busy in a run.
    pub(crate) fn disturbed(&mut self, processors: f64) {
        self.disturbed = self.disturbed.max(processors);
    }

    /// Prints it all; `true` if everything that is wanted was met.
    pub(crate) fn print(mut self) -> bool {
        let head = ["", "hinge", "bare copy", "ratio", "wanted", ""];
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row.cells()[column].chars().count());
            cells.chain([head[column].len()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        println!();
        for cells in [head].into_iter().chain(self.rows.iter().map(Row::cells)) {
            let padded = |(cell, width): (&&str, &usize)| format!("{cell:>width$}");
            let mut line = vec![format!("{:<width$}", cells[0], width = widths[0])];
            line.extend(cells[1..5].iter().zip(&widths[1..5]).map(padded));
            line.push(cells[5].to_owned());
            println!("{}", line.join("  ").trim_end());
        }
        if self.disturbed > DISTURBED {
            println!(
                "\nsomething else kept up to {:.1} processors busy: times, and ratios of them, say little",
                self.disturbed
            );
        }
        self.number("processors_busy_of_others", self.disturbed.into());
        let met = self.rows.iter().all(|row| row.met != Some(false));
        self.number("met", met.into());
        println!("\n{}", Json::Object(self.numbers));
        // Whoever reads this from a pipe wants the line before the exit code.
        let _ = std::io::stdout().flush();
        met
    }
}

/// The middle one, and the least and the most.
pub(crate) fn spread(values: impl IntoIterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

/// `12,345`.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
