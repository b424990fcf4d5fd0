//! What the macros write, kept as text: a change of the expansion is read in review.

use crate::{data, described, expand_module};
use proc_macro2::TokenStream;
use quote::quote;
use syn::visit_mut::VisitMut;

fn pretty(tokens: TokenStream) -> String {
    let mut file: syn::File = syn::parse2(tokens).expect("an expansion is a sequence of items");
    OpenClients.visit_file_mut(&mut file);
    prettyplease::unparse(&file)
}

/// Opens `__client! { .. }`, as the facade does, because a macro's content is not formatted.
struct OpenClients;

impl VisitMut for OpenClients {
    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        let Some((_, items)) = &mut module.content else { return };
        let open = |item: syn::Item| match item {
            syn::Item::Macro(item)
                if item.mac.path.segments.last().is_some_and(|last| last.ident == "__client") =>
            {
                let content: syn::File = syn::parse2(item.mac.tokens).expect("the clients are items");
                content.items
            }
            other => vec![other],
        };
        *items = std::mem::take(items).into_iter().flat_map(open).collect();
    }
}

fn counter() -> TokenStream {
    expand_module(
        quote!(version = "1.2"),
        quote! {
            /// Counts things.
            impl Counter {
                /// Starts with a limit.
                #[create]
                fn create(cx: &Context, #[arg(default = 100)] limit: u64) -> Result<Self, Fault> {
                    Self::with(limit)
                }
                /// Adds `by` and answers the new total.
                #[method(id = 12, key = (name, by / 8), idempotent)]
                fn add(&mut self, name: &str, by: u64, #[arg(since, default = "sum")] _how: String) -> Result<u64, Full> {
                    self.increase(name, by)
                }
                #[method(prio = "background", period = "100ms")]
                fn sweep(&mut self, cx: &Context) {}
                #[method(blocking)]
                fn render(values: Vec<u64>) -> String {
                    String::new()
                }
                #[hook]
                fn flush_work(&self) -> u64 {
                    0
                }
                fn helper(&self) {}
            }
        },
    )
}

fn copier() -> TokenStream {
    expand_module(
        quote!(name = "bulk-copier", export = false, crate = "crate::facade"),
        quote! {
            impl Copier {
                #[create]
                async fn create() -> Self {
                    Self
                }
                /// Copies.
                #[method]
                async fn copy(&self, cx: &Context, data: In<Bytes>, mut out: Out<Bytes>) -> Result<u64, Fault> {
                    Ok(0)
                }
                #[method]
                fn fill(&self, byte: u8, mut out: Out<SharedBytes>, turned: InOut<'_, Bytes>) {}
                #[method]
                fn turn(&self, data: InOut<Bytes>) {}
            }
        },
    )
}

#[test]
fn a_plain_module_expands_to_exclusive_access_and_three_clients() {
    insta::assert_snapshot!(pretty(counter()));
}

#[test]
fn a_module_with_futures_and_buffers_expands_to_shared_access_and_payloads() {
    insta::assert_snapshot!(pretty(copier()));
}

#[test]
fn data_derives_what_crosses_and_nothing_twice() {
    let item = quote! {
        #[derive(Debug, Eq, Clone)]
        pub struct Range {
            from: u64,
        }
    };
    insta::assert_snapshot!(pretty(data::expand(quote!(), item).expect("a struct")));
}

#[test]
fn described_names_fields_and_variants_as_serde_does() {
    let item = quote! {
        enum Shape<T> {
            Empty,
            Circle(f64),
            Box(T, T),
            Named { r#type: String, sides: Vec<T> },
        }
    };
    insta::assert_snapshot!(pretty(described::expand(item).expect("an enum")));
}

#[test]
#[allow(non_snake_case, reason = "named after its requirement row")]
fn tasks_K6_expanding_twice_changes_nothing() {
    assert_eq!(counter().to_string(), counter().to_string());
    assert_eq!(copier().to_string(), copier().to_string());
}

#[test]
fn a_mistake_leaves_the_impl_in_place_beside_its_message() {
    let tokens = expand_module(
        quote!(),
        quote! {
            impl Counter {
                #[create]
                fn create() -> Self { Self }
                #[method(keye = name)]
                fn add(&self, #[arg(default = 1)] name: u64) {}
            }
        },
    );
    let text = tokens.to_string();
    assert!(text.contains("fn add (& self , name : u64)"), "{text}");
    assert!(text.contains("compile_error") && text.contains("did you mean `key`?"), "{text}");
}

#[test]
fn a_command_expands_to_one_method_its_description_and_an_instance_per_dtype() {
    let expanded = expand_module(
        quote!(),
        quote! {
            impl Arrays {
                #[create]
                fn create() -> Self {
                    Self
                }
                /// The element at one end.
                #[method(each(T in Float, side in pick.side), rank = 1, name = "pick_end")]
                async fn pick<T: Item>(&self, cx: &Context, a: ArrayView<'_, T>, side: Side) -> Result<T, Fault> {
                    self.end(cx, a, side)
                }
                #[method(each(T in Element, rank in Rank), standard)]
                fn texts(cx: &Context, command: &Called, given: &Given) -> String {
                    String::new()
                }
            }
        },
    );
    let text = pretty(expanded);
    // Where the file with the classes lies is this machine's business.
    let lines = text.lines().filter(|line| !line.contains("include_bytes!") && !line.contains("windlass.toml"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}
