/// Deletes at most `limit` of the rows by their key, and returns how many there were. Each store's statements are short
/// that way, however many rows there are.
macro_rules! delete_some {
    ($connection:expr, $table:ident, $key:ident: $type:ty, $rows:expr, $limit:expr) => {{
        let keys: Vec<$type> = $rows.select($table::$key).limit(i64::from($limit)).load($connection)?;
        diesel::delete($table::table.filter($table::$key.eq_any(keys))).execute($connection)?
    }};
}
pub(crate) use delete_some;
