//! Token: the one shared secret of a server that asks for it.
//!
//! Holds: comparing takes the same time wherever the first difference is; a refusal never repeats a token.

use std::fmt;

/// What a request has to carry.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// This text; it must not be empty.
    pub fn new(text: &str) -> Option<Token> {
        let text = text.trim();
        (!text.is_empty()).then(|| Token(text.to_owned()))
    }

    /// Checks what a request carries.
    ///
    /// # Errors
    /// A sentence: that one is needed, or that this is another.
    pub fn check(&self, given: &str) -> Result<(), &'static str> {
        if given.is_empty() || given == "None" {
            return Err("Error: access to arkouda requires a token");
        }
        // Every byte of the secret is looked at, whatever was given.
        let mut differs = u8::from(given.len() != self.0.len());
        for (at, byte) in self.0.bytes().enumerate() {
            differs |= byte ^ given.as_bytes().get(at).copied().unwrap_or(!byte);
        }
        match differs {
            0 => Ok(()),
            _ => Err("Error: the token does not match the server's, check with its owner"),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_passes() {
        let token = Token::new(" s3cret\n").expect("a token");
        assert_eq!(token.check("s3cret"), Ok(()));
        for wrong in ["", "None", "s3cre", "s3crett", "S3cret", "x"] {
            let said = token.check(wrong).expect_err(wrong);
            assert!(said.starts_with("Error:") && !said.contains("s3cret"), "{said}");
        }
        assert!(Token::new(" \n").is_none());
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
