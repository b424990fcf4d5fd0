//! Types one module further in: what the author wrote beside the type has to mean the same inside the clients' module.

use syn::visit_mut::{self, VisitMut};
use syn::{Path, PathSegment, Type, parse_quote};

/// `ty` as written inside the clients' module: `super::T` is one step further away, `self::T` is `super::T`, and `Self` is
/// the module's state. Plain names come by `use super::*`.
pub fn inward(ty: &Type, state: &Type) -> Type {
    let mut ty = ty.clone();
    Inward(state).visit_type_mut(&mut ty);
    ty
}

/// A path as written inside the clients' module.
pub fn inward_path(path: &Path) -> Path {
    let mut path = path.clone();
    Inward(&parse_quote!(())).visit_path_mut(&mut path);
    path
}

struct Inward<'a>(&'a Type);

impl VisitMut for Inward<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if matches!(ty, Type::Path(path) if path.path.is_ident("Self")) {
            *ty = inward(self.0, self.0);
            return;
        }
        visit_mut::visit_type_mut(self, ty);
    }

    fn visit_path_mut(&mut self, path: &mut Path) {
        let step: PathSegment = parse_quote!(super);
        match path.segments.first_mut() {
            Some(first) if first.ident == "super" => path.segments.insert(0, step),
            Some(first) if first.ident == "self" => *first = step,
            _ => {}
        }
        visit_mut::visit_path_mut(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;

    #[test]
    fn paths_mean_the_same_one_module_further_in() {
        let moved = |ty: Type| inward(&ty, &parse_quote!(self::Counter)).to_token_stream().to_string();
        assert_eq!(moved(parse_quote!(Vec<super::Action>)), "Vec < super :: super :: Action >");
        assert_eq!(moved(parse_quote!(self::Action)), "super :: Action");
        assert_eq!(moved(parse_quote!(Option<Self>)), "Option < super :: Counter >");
        assert_eq!(moved(parse_quote!(crate::Action)), "crate :: Action");
    }
}
