/// Goes on after a row of a list that is ordered by a time and, within one moment, by id, and orders the rest.
///
/// `cursor` is the query for the times of the rows that the list may go on after; where it has no row of that id, the
/// surrounding closure returns `Ok(None)`.
macro_rules! keyset {
    ($query:expr, $request:expr, $connection:expr, cursor = $cursor:expr, time = $time:expr, id = $id:expr) => {{
        let mut query = $query.limit(i64::from($request.limit.get()) + 1).into_boxed();
        if let Some(after) = $request.after.map(|id| Id(id.as_uuid())) {
            let cursor = $cursor.filter($id.eq(after)).select($time);
            let Some(time) = cursor.first::<Time>($connection).optional()? else { return Ok(None) };
            query = match $request.order {
                Order::Ascending => query.filter($time.gt(time).or($time.eq(time).and($id.gt(after)))),
                Order::Descending => query.filter($time.lt(time).or($time.eq(time).and($id.lt(after)))),
            };
        }
        match $request.order {
            Order::Ascending => query.order(($time.asc(), $id.asc())),
            Order::Descending => query.order(($time.desc(), $id.desc())),
        }
    }};
}
pub(crate) use keyset;
