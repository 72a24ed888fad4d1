//! Prints the figures of the product's shape, or today's exceptions from its rules: `tests/house`.
#![expect(clippy::print_stdout, reason = "it prints")]

use orders_tests::house;

fn main() {
    if std::env::args().any(|argument| argument == "--exceptions") {
        for violation in house::violations() {
            println!("{violation}");
        }
    } else {
        print!("{}", house::figures());
    }
}
