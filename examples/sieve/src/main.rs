//! `sieve N`: the first N primes, 100 if not said.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).map_or(Ok(100), |word| word.parse())?;
    for prime in windlass_example_sieve::primes(count)? {
        println!("{prime}");
    }
    Ok(())
}
