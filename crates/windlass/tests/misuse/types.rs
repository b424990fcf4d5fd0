// Types and shapes that cannot cross to another process.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method]
    fn borrowed(&self, name: &String) {}
    #[method]
    fn borrowed_list(&self, values: &[u64]) {}
    #[method]
    fn borrowed_mutably(&self, name: &mut str) {}
    #[method]
    fn with_lifetime(&self, name: &'static str) {}
    #[method]
    fn anything(&self, name: impl Into<String>) {}
    #[method]
    fn pointer(&self, name: *const u8) {}
    #[method]
    fn generic<T>(&self, value: T) {}
    #[method]
    fn taken_apart(&self, (from, to): (u64, u64)) {}
    #[method]
    fn used_up(self) {}
    #[method]
    fn boxed(self: Box<Self>) {}
    #[method]
    fn buffer_without_kind(&self, data: In<Vec<u8>>) {}
    #[method]
    fn buffer_borrowed(&self, out: &mut Out<Bytes>) {}
    #[method]
    fn context_by_value(&self, cx: Context<'_>) {}
    #[method]
    fn reply_borrowed(&self) -> &str {
        ""
    }
    #[method]
    fn reply_anything(&self) -> impl Into<String> {
        ""
    }
    #[method]
    unsafe fn promising(&self) {}
    #[method]
    #[cfg(unix)]
    fn sometimes(&self) {}
}

fn main() {}
