//! Tables in the original's form: padded cells, one space between, a line of dashes under the header.

use crate::text;

/// The narrowest column, in terminal columns.
const WIDTH_MIN: usize = 4;

/// Rows of text under a header, or without one.
#[derive(Debug, Clone)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    headless: bool,
    wide: Vec<usize>,
}

impl Table {
    /// A table with these columns.
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Self {
            header: header.map(str::to_owned).into(),
            rows: Vec::new(),
            headless: false,
            wide: Vec::new(),
        }
    }

    /// A listing of names and values, without header.
    pub fn headless(columns: usize) -> Self {
        Self {
            header: vec![String::new(); columns],
            rows: Vec::new(),
            headless: true,
            wide: Vec::new(),
        }
    }

    /// Adds a row; cells that are missing are empty, control characters are shown.
    pub fn row<I: IntoIterator<Item = S>, S: AsRef<str>>(&mut self, cells: I) {
        let mut row: Vec<String> = cells
            .into_iter()
            .map(|cell| text::visible(cell.as_ref()))
            .collect();
        row.resize(self.header.len(), String::new());
        self.rows.push(row);
    }

    /// Columns (by position) that are shortened when the table is wider than the terminal.
    pub fn shorten(&mut self, columns: &[usize]) {
        self.wide = columns.to_vec();
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, for a terminal of `columns`.
    pub fn print(&self, columns: usize) -> String {
        let widths = self.widths(columns);
        let mut lines = String::new();
        if !self.headless {
            push_line(&mut lines, &self.header, &widths);
            // A column without rows is as wide as its header, at least one dash.
            let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            push_line(&mut lines, &dashes, &widths);
        }
        for row in &self.rows {
            push_line(&mut lines, row, &widths);
        }
        lines
    }

    fn widths(&self, columns: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self.header.iter().map(|cell| text::width(cell)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(text::width(cell));
            }
        }
        let whole = |widths: &[usize]| {
            widths
                .iter()
                .map(|width| width.max(&WIDTH_MIN) + 1)
                .sum::<usize>()
        };
        let flexible: Vec<usize> = self
            .wide
            .iter()
            .copied()
            .filter(|index| *index < widths.len())
            .collect();
        // Take from the widest flexible column until the table fits or nothing can give any more.
        while whole(&widths) > columns {
            let Some(widest) = flexible.iter().copied().max_by_key(|index| widths[*index]) else {
                break;
            };
            let least = text::width(&self.header[widest]).max(6);
            if widths[widest] <= least {
                break;
            }
            widths[widest] -= (whole(&widths) - columns).min(widths[widest] - least);
        }
        widths
    }
}

fn push_line(lines: &mut String, cells: &[String], widths: &[usize]) {
    for (cell, width) in cells.iter().zip(widths) {
        let cell = text::shortened(cell, *width);
        lines.push_str(&cell);
        let padded = (*width).max(WIDTH_MIN) + 1;
        lines.push_str(&" ".repeat(padded.saturating_sub(text::width(&cell))));
    }
    lines.push('\n');
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn cells_are_padded_the_last_one_too() {
        let mut table = Table::new(["User", "Roles"]);
        table.row(["bob@example.com", "devops"]);
        table.row(["alice", "access,dbreviewer"]);
        expect![[r"
            User            Roles             
            --------------- ----------------- 
            bob@example.com devops            
            alice           access,dbreviewer 
        "]]
        .assert_eq(&table.print(80));
    }

    #[test]
    fn an_empty_table_prints_its_header() {
        assert_eq!(
            Table::new(["Token", "User"]).print(80),
            "Token User \n----- ---- \n"
        );
    }

    #[test]
    fn wide_columns_give_way_to_the_terminal() {
        let mut table = Table::new(["ID", "Roles"]);
        table.row(["1", "elevated-access,database-administrator"]);
        table.shorten(&[1]);
        expect![[r"
            ID   Roles        
            --   ------------ 
            1    elevated-... 
        "]]
        .assert_eq(&table.print(18));
    }

    #[test]
    fn a_cell_cannot_break_out_of_its_row() {
        let mut table = Table::headless(2);
        table.row(["name:", "a\nb"]);
        assert_eq!(table.print(80), "name: a\\nb \n");
    }
}
