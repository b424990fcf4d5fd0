// What a command cannot answer.
use windlass::prelude::*;

struct Arrays;

#[module]
impl Arrays {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(each(T in Numeric))]
    fn answers<T: Item>(a: ArrayView<'_, T>) -> std::time::Duration {
        std::time::Duration::from_secs(a.size() as u64)
    }
}

fn main() {}
