//! The sieve finds the primes that a loop finds.

fn is_prime(number: u64) -> bool {
    number > 1 && (2..number).take_while(|by| by * by <= number).all(|by| !number.is_multiple_of(by))
}

#[test]
fn the_first_primes_come_in_order_and_every_task_of_the_chain_ends() {
    let expected: Vec<u64> = (2..).filter(|number| is_prime(*number)).take(200).collect();
    assert_eq!(windlass_example_sieve::primes(200).unwrap(), expected);
    assert_eq!(windlass_example_sieve::primes(0).unwrap(), [0u64; 0]);
}

#[test]
fn the_code_is_short() {
    let code = include_str!("../src/lib.rs").lines().filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("//") && !line.starts_with('}') && !line.starts_with("use ")
    });
    assert!(code.count() <= 30);
}
