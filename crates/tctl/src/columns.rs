//! Tables that fit the terminal the way the original's do: one column takes what is left, the others have a share.

use cli::{Table, text};

/// What the last column is never narrower than.
const LAST_MIN: usize = 16;
/// The mark of a cut, and the space after a cell.
const CUT: usize = 4;

/// The lines of a table whose last column is cut to the terminal, and whose other columns are cut to an equal share of it.
pub fn fitted<const N: usize>(header: [&str; N], rows: Vec<[String; N]>, columns: usize) -> String {
    let share = columns.saturating_sub(LAST_MIN) / N.saturating_sub(1).max(1);
    let rows: Vec<[String; N]> = rows
        .into_iter()
        .map(|row| row.map(|cell| text::visible(&cell)))
        .collect();
    // The first are what is kept of each cell, the second what the column takes then.
    let (mut widths, mut taken) = ([0; N], [0; N]);
    for (index, name) in header.iter().enumerate().take(N - 1) {
        let widest = rows.iter().map(|row| text::width(&row[index])).max();
        let widest = widest.unwrap_or_default().max(text::width(name));
        (widths[index], taken[index]) = if widest > share {
            (share, share + CUT)
        } else {
            (widest, widest + 1)
        };
    }
    let last = text::width(header[N - 1]);
    // Where the shares leave too little for the last column, the widest of the others give way to it.
    while taken.iter().sum::<usize>() + last + 1 > columns {
        let gives = |index: &usize| taken[*index] > text::width(header[*index]).max(CUT) + CUT;
        let Some(widest) = (0..N - 1).filter(gives).max_by_key(|index| taken[*index]) else {
            break;
        };
        taken[widest] -= 1;
        widths[widest] = taken[widest] - CUT;
    }
    let used: usize = taken.iter().sum();
    // Its cut may take no more than its header does.
    widths[N - 1] = columns
        .saturating_sub(used + CUT)
        .max(last.saturating_sub(CUT - 1));
    let mut table = Table::new(header);
    for row in rows {
        let mut cut = row;
        for (cell, width) in cut.iter_mut().zip(widths) {
            *cell = text::shortened_after(cell, width);
        }
        table.row(cut);
    }
    table.print(usize::MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn row<const N: usize>(cells: [&str; N]) -> [String; N] {
        cells.map(str::to_owned)
    }

    #[test]
    fn the_roles_of_a_new_cluster_look_as_the_originals_do() {
        let header = [
            "Role",
            "Allowed to login as",
            "Node Labels",
            "Access to resources",
        ];
        let rows = vec![
            row([
                "access",
                "{{internal.logins}}",
                "<all nodes>",
                "event:list,read,session:read,list",
            ]),
            row([
                "wildcard-workload-identity-issuer",
                "",
                "",
                "workload_identity:list,read,create",
            ]),
        ];
        expect![[r"
            Role                     Allowed to login as Node Labels Access to resources    
            ------------------------ ------------------- ----------- ---------------------- 
            access                   {{internal.logins}} <all nodes> event:list,read,ses... 
            wildcard-workload-ide...                                 workload_identity:l... 
        "]]
        .assert_eq(&fitted(header, rows, 80));
    }

    #[test]
    fn other_columns_give_way_to_the_last_one() {
        let header = [
            "Role",
            "Allowed to login as",
            "Node Labels",
            "Access to resources",
        ];
        let rows = vec![
            row([
                "list-access-request-resources",
                "{{internal.logins}}",
                "",
                "node,app,db,kube_cluster:list,read",
            ]),
            row(["elevated-access", "root", "env=[prod],type=[db]", ""]),
        ];
        let shown = fitted(header, rows, 80);
        expect![[r"
            Role                Allowed to login as Node Labels         Access to resources 
            ------------------- ------------------- ------------------- ------------------- 
            list-access-requ... {{internal.logins}}                     node,app,db,kube... 
            elevated-access     root                env=[prod],type=...                     
        "]]
        .assert_eq(&shown);
        assert!(shown.lines().all(|line| text::width(line) <= 80), "{shown}");
    }

    #[test]
    fn what_fits_is_left_whole() {
        let header = [
            "Role",
            "Allowed to login as",
            "Node Labels",
            "Access to resources",
        ];
        let rows = vec![row(["wd", "", "x=[^re.*$],env=[a b]", ""])];
        expect![[r"
            Role Allowed to login as Node Labels          Access to resources 
            ---- ------------------- -------------------- ------------------- 
            wd                       x=[^re.*$],env=[a b]                     
        "]]
        .assert_eq(&fitted(header, rows, 80));
    }
}
