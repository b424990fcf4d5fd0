//! Misuse of the macros: what the compiler says, word for word (`misuse/*.stderr`; `TRYBUILD=overwrite` writes them).

#[test]
fn misuse_is_told_at_the_wrong_token_with_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
