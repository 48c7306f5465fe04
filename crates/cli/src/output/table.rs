//! Aligned columns.

/// Rows under a heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows yet.
    #[must_use]
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self {
            heading: heading.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a text for each column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines; the last column is as wide as it likes.
    #[must_use]
    pub(crate) fn render(&self) -> String {
        let heading: Vec<_> = self.heading.iter().map(ToString::to_string).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..heading.len()).map(width).collect();
        let render = |line: &&Vec<String>| {
            let cells = line.iter().zip(&widths);
            let padded: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            padded.join("  ").trim_end().to_owned()
        };
        lines.iter().map(render).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_under_their_headings() {
        let mut table = Table::new(&["VESSEL", "STATUS"]);
        table.row(vec!["…12:v1".to_owned(), "Started".to_owned()]);
        table.row(vec!["…123456:v12".to_owned(), "Fresh".to_owned()]);
        assert_eq!(
            table.render(),
            "VESSEL       STATUS\n…12:v1       Started\n…123456:v12  Fresh"
        );
    }
}
