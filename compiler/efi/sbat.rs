//! SBAT: the rows by which shim revokes generations of boot programs.

/// The first row of every table.
const HEAD: &str = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md";

/// Joins tables: the version row once and first, then all other rows, each once, in order.
pub(super) fn merge<'a>(tables: impl IntoIterator<Item = &'a str>) -> String {
    let mut head = None;
    let mut rows: Vec<&str> = Vec::new();
    for table in tables {
        for row in table.trim_end_matches('\0').lines().map(str::trim) {
            if row.starts_with("sbat,") {
                head.get_or_insert(row);
            } else if !row.is_empty() && !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    let mut merged = head.unwrap_or(HEAD).to_owned();
    merged.push('\n');
    for row in rows {
        merged.push_str(row);
        merged.push('\n');
    }
    merged
}
