//! Shows the rule without a database: `cargo run -p orders-core --example spacing`

use std::error::Error;
use std::io::Write;

use orders_core::{
    Actor, Book, Fee, NewId, Operation, OrderContent, OrderId, Policy, Refusal, ServiceId,
    Services, Timestamp,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let inspection = ServiceId::parse("123")?;
    let mut book = Book::new(Policy::default());
    book.add_service(inspection);
    let now = Timestamp::parse("2022-10-01T08:00:00Z")?;

    for (id, datetime) in [
        ("morning", "2022-11-01T09:00:00Z"),
        ("noon", "2022-11-01T12:00:00+00:00"),
        ("too-soon", "2022-11-01T12:30:00+01:00"),
        ("evening", "2022-11-01T17:00:00Z"),
    ] {
        let content = OrderContent {
            datetime: Timestamp::parse(datetime)?,
            total_fee: Fee::parse("100")?,
            services: Services::new(vec![inspection])?,
        };
        let id = NewId::Chosen(OrderId::parse(id)?);
        let verdict = book.run(&Actor::new("example"), Operation::Create { id, content }, now);
        match verdict {
            Ok(_) => writeln!(out, "{datetime}: accepted")?,
            Err(Refusal::Conflict(conflict)) => {
                let nearest = conflict.nearest.first().ok_or("a conflict names an order")?;
                writeln!(
                    out,
                    "{datetime}: refused, order {} is {}",
                    nearest.order_id,
                    nearest.in_words()
                )?;
                for (word, free) in [("before", conflict.previous), ("after", conflict.next)] {
                    if let Some(free) = free {
                        writeln!(out, "    nearest free time {word}: {free}")?;
                    }
                }
            }
            Err(refusal) => writeln!(out, "{datetime}: refused, {refusal:?}")?,
        }
    }
    Ok(())
}
