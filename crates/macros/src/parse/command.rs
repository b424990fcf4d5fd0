//! Commands: a method that is called by names that enumerate, `name<int64,1>`.
//!
//! Lives here: `command` (its formals, its variables, and the method that other processes see).
//! From: its function, and the words of its attribute (`command_words`).
//! Holds: the function goes on as its author wrote it; what crosses follows from the forms of its parameters, which are known by
//! the last name of their types.

use super::command_words::{Each, Words};
use super::parameter::{last_name, reply};
use super::{Errors, plain};
use crate::classes::{self, Among, Classes, RANK_MAX};
use crate::model::{Arg, Command, Flags, Form, Kind, Length, Method, Of, Parameter, Variable};
use crate::{names, words};
use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Error, Expr, FnArg, GenericArgument, GenericParam, Generics, ImplItemFn, Lit, LitStr, Pat, PatType, Path,
    PathArguments, Result, Type, TypeParamBound, WherePredicate, parse_quote,
};

const ARGUMENT_WORDS: &[&str] = &["dtype", "rank", "key"];

/// What the parts of one command are read with.
struct Reader<'a> {
    classes: &'a Classes,
    facade: &'a Path,
    variables: Vec<Variable>,
    /// Class and field of a variable, where it has them.
    fields: Vec<Option<(String, String)>>,
    /// Type parameters that are no variables, which was told.
    astray: Vec<String>,
    /// What ranks the arrays may have.
    rank: (u8, u8),
}

/// Reads a command and makes the method that other processes see.
pub fn command(words: Words, function: &mut ImplItemFn, facade: &Path, classes: &Classes) -> Result<Method> {
    let mut errors = Errors::default();
    let sig = &mut function.sig;
    let receiver = super::method::receiver(sig)?;
    let rank = words.rank.unwrap_or((1, RANK_MAX));
    let mut reader =
        Reader { classes, facade, variables: Vec::new(), fields: Vec::new(), astray: Vec::new(), rank };
    for each in words.each.iter().flatten() {
        errors.extend(reader.variable(each));
    }
    errors.extend(reader.generics(&sig.generics));
    let mut args = Vec::new();
    let mut wire = Vec::new();
    for input in &mut sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        match reader.argument(typed, words.standard) {
            Ok((arg, sent)) => {
                wire.extend(sent);
                args.push(arg);
            }
            Err(error) => errors.add(error),
        }
    }
    let answer = reply(&sig.output);
    errors.extend(answer.as_ref().map(|_| ()).map_err(Clone::clone));
    errors.end()?;
    let mut answer = answer?;
    let function_reply = answer.ty.clone();
    let order = reader.order(words.params.as_deref())?;
    reader.carried(&args)?;
    let mut plain_reply = answer.ty.clone();
    Substitute(&reader.variables).visit_type_mut(&mut plain_reply);
    // At the author's type, where one that no command can answer is told.
    answer.ty =
        syn::parse_quote_spanned!(answer.at=> <#plain_reply as #facade::__private::commands::Answer>::Wire);
    let ident = sig.ident.clone();
    let generics = sig.generics.clone();
    let mut names = words.names.iter().map(LitStr::value);
    let name = names.next().unwrap_or_else(|| plain(&ident));
    let also = names.collect();
    let parameters = reader.sent(words.standard, wire);
    let command = Command {
        name,
        also,
        variables: reader.variables,
        order,
        args,
        generics,
        reply: function_reply,
        refusal: words.refusal.map(|text| text.value()),
        standard: words.standard,
    };
    Ok(Method {
        name: plain(&ident),
        id: 0,
        id_at: ident.span(),
        doc_attributes: function.attrs.iter().filter(|one| one.path().is_ident("doc")).cloned().collect(),
        docs: names::docs(&function.attrs),
        receiver,
        is_async: function.sig.asyncness.is_some(),
        parameters,
        reply: answer,
        flags: Flags::default(),
        command: Some(command),
        ident,
    })
}

/// Type parameters as the first dtype that they can be.
struct Substitute<'a>(&'a [Variable]);

impl VisitMut for Substitute<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty
            && let Some(ident) = path.path.get_ident()
            && let Some(variable) = self.0.iter().find(|one| one.generic && *ident == one.name)
            && let Among::Dtypes(dtypes) = &variable.among
            && let Some((.., rust)) =
                dtypes.first().and_then(|first| crate::classes::DTYPES.iter().find(|(name, ..)| name == first))
        {
            let rust = Ident::new(rust, ident.span());
            *ty = parse_quote!(#rust);
            return;
        }
        visit_mut::visit_type_mut(self, ty);
    }
}

impl Reader<'_> {
    fn variable(&mut self, each: &Each) -> Result<()> {
        let name = each.name.to_string();
        if self.variables.iter().any(|one| one.name == name) {
            return Err(Error::new(each.name.span(), format!("`{name}` stands twice in `each(..)`")));
        }
        let class = each.class.to_string();
        let among = match &each.field {
            Some(field) => self.classes.field(&class, &field.to_string()),
            None => self.classes.named(&class),
        };
        // A variable that is wrong stands in for a right one, so that one mistake makes one message.
        let (mut among, wrong) = match among {
            Ok(among) => (among, None),
            Err(text) => (self.classes.named("Element").unwrap_or(Among::Ranks(1, 1)), Some(text)),
        };
        if let Among::Ranks(least, most) = &mut among {
            (*least, *most) = self.rank;
        }
        if among == Among::Dtypes(Vec::new()) {
            let text = format!("`{class}` has no dtype that `windlass.toml` builds");
            return Err(Error::new(each.class.span(), text));
        }
        self.variables.push(Variable { name, among, generic: false, bound: false });
        self.fields.push(each.field.as_ref().map(|field| (class, field.unraw().to_string())));
        wrong.map_or(Ok(()), |text| Err(Error::new(each.class.span(), text)))
    }

    /// Type parameters are variables; bounds that say so narrow their dtypes.
    fn generics(&mut self, generics: &Generics) -> Result<()> {
        for parameter in &generics.params {
            let GenericParam::Type(parameter) = parameter else {
                return Err(Error::new_spanned(
                    parameter,
                    "a command is generic over dtypes alone: `fn f<T: Item>`",
                ));
            };
            let name = parameter.ident.to_string();
            let known: Vec<String> = self.variables.iter().map(|one| one.name.clone()).collect();
            let Some(variable) = self.variables.iter_mut().find(|one| one.name == name) else {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let text = format!("`{name}` stands in no `each(..)`{}", names::instead(&name, &known));
                self.astray.push(name);
                return Err(Error::new(parameter.ident.span(), text));
            };
            variable.generic = true;
            let Among::Dtypes(dtypes) = &mut variable.among else {
                return Err(Error::new(
                    parameter.ident.span(),
                    format!("`{name}` is no class of dtypes, so no type parameter"),
                ));
            };
            let of_where =
                generics.where_clause.iter().flat_map(|clause| &clause.predicates).filter_map(|one| match one {
                    WherePredicate::Type(one) if last_name(&one.bounded_ty).as_deref() == Some(&name) => {
                        Some(&one.bounds)
                    }
                    _ => None,
                });
            for bound in parameter.bounds.iter().chain(of_where.flatten()) {
                let TypeParamBound::Trait(bound) = bound else { continue };
                let last = bound.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                if let Some(left) = classes::of_bound(&last) {
                    dtypes.retain(|dtype| left.contains(&dtype.as_str()));
                }
            }
            if dtypes.is_empty() {
                return Err(Error::new(
                    parameter.ident.span(),
                    format!("no dtype of `{name}`'s class has all its bounds"),
                ));
            }
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.variables.iter().position(|one| one.name == name)
    }

    /// The variable of ranks that arrays have which say none.
    fn common_rank(&mut self) -> usize {
        let among = Among::Ranks(self.rank.0, self.rank.1);
        self.find("rank").unwrap_or_else(|| {
            self.variables.push(Variable { name: "rank".into(), among, generic: false, bound: false });
            self.fields.push(None);
            self.variables.len() - 1
        })
    }

    /// One parameter: what it is, and what is sent for it.
    fn argument(&mut self, typed: &mut PatType, standard: bool) -> Result<(Arg, Option<Parameter>)> {
        let Pat::Ident(pattern) = typed.pat.as_ref() else {
            let text = "callers name a parameter, so it needs a name here: take it apart in the body";
            return Err(Error::new_spanned(&typed.pat, text));
        };
        let ident = pattern.ident.clone();
        let mut key = names::wire(&ident.to_string());
        let (mut dtype, mut rank) = (None, None);
        for attribute in &typed.attrs {
            if !attribute.path().is_ident("arg") {
                return Err(Error::new_spanned(
                    attribute,
                    "a parameter of a command has `#[arg(dtype = T, rank = N)]` and no other",
                ));
            }
            for word in words::of_attribute(attribute, ARGUMENT_WORDS)? {
                if word.name == "key" {
                    key = word.text()?.value();
                    continue;
                }
                let variable = self.named(&word)?;
                *if word.name == "dtype" { &mut dtype } else { &mut rank } = Some(variable);
            }
        }
        let form = self.form(&ident, &typed.ty, dtype, rank, standard)?;
        if form == Form::Context {
            super::parameter::write_lifetime(&mut typed.ty);
        }
        let facade = self.facade;
        let sent: Option<Type> = match &form {
            Form::Context | Form::Variable(_) | Form::Dtype(_) | Form::Called | Form::Given => None,
            Form::View(..)
            | Form::Array(..)
            | Form::Slot(..)
            | Form::Strings
            | Form::Own { .. }
            | Form::Text { .. }
            | Form::Word => Some(parse_quote!(::std::string::String)),
            Form::Scalar(_) => Some(parse_quote!(#facade::__private::array::Scalar)),
            Form::List(_) | Form::Texts | Form::Tuple(..) => {
                Some(parse_quote!(::std::vec::Vec<#facade::__private::array::Scalar>))
            }
        };
        let kind = Kind::Value { default: None, since: false };
        let sent = sent.map(|ty| Parameter { ident: ident.clone(), ty, kind });
        Ok((Arg { ident, key, ty: (*typed.ty).clone(), form }, sent))
    }

    fn named(&self, word: &words::Word) -> Result<usize> {
        let name = match &word.value {
            Some(Expr::Path(path)) => path.path.get_ident().cloned(),
            _ => None,
        };
        let name = name.ok_or_else(|| {
            Error::new(word.name.span(), format!("`{0}` names a variable of `each(..)`: `{0} = T`", word.name))
        })?;
        self.find(&name.to_string()).ok_or_else(|| {
            let known: Vec<&str> = self.variables.iter().map(|one| one.name.as_str()).collect();
            Error::new(
                name.span(),
                format!("`{name}` stands in no `each(..)`{}", names::instead(&name.to_string(), &known)),
            )
        })
    }

    fn form(
        &mut self,
        ident: &Ident,
        ty: &Type,
        dtype: Option<usize>,
        rank: Option<usize>,
        standard: bool,
    ) -> Result<Form> {
        let reference = matches!(ty, Type::Reference(_));
        let inner = match ty {
            Type::Reference(reference) => reference.elem.as_ref(),
            other => other,
        };
        let last = last_name(inner).unwrap_or_default();
        match (reference, last.as_str()) {
            (true, "Context") => return Ok(Form::Context),
            (true, "Called") if standard => return Ok(Form::Called),
            (true, "Given") if standard => return Ok(Form::Given),
            (true, "str") => return Ok(Form::Text { borrowed: true }),
            (true, _) => {
                let text = "a command takes its arguments by value: arrays as `ArrayView<'_, T>`, `Array` or `Slot`; only \
                            text and the context are references";
                return Err(Error::new_spanned(ty, text));
            }
            _ if standard => {
                let text =
                    "a standard command takes `&Context`, `&Called` and `&Given`, and reads its arguments itself";
                return Err(Error::new_spanned(ty, text));
            }
            _ => {}
        }
        if let Some(at) = self.find(&ident.to_string()) {
            return Ok(Form::Variable(at));
        }
        if last == "Dtype" {
            let at = dtype.ok_or_else(|| Error::new_spanned(ty, "say which: `#[arg(dtype = T)] to: Dtype`"))?;
            return Ok(Form::Dtype(at));
        }
        let of = dtype.map_or(Of::Any, Of::Variable);
        Ok(match last.as_str() {
            "ArrayView" => {
                let of = self.of_type(argument_of(inner).as_ref().unwrap_or(inner))?;
                Form::View(of, self.rank_of(rank, of))
            }
            "Array" => Form::Array(of, self.rank_of(rank, of)),
            "Slot" => Form::Slot(of, self.rank_of(rank, of)),
            "Strings" => Form::Strings,
            "String" => Form::Text { borrowed: false },
            "Scalar" => Form::Scalar(of),
            "Own" => self.own(inner)?,
            "Tuple" => {
                let of = self.of_type(argument_of(inner).as_ref().unwrap_or(inner))?;
                let rank = rank.unwrap_or_else(|| self.common_rank());
                Form::Tuple(of, Length::Rank(rank))
            }
            "Vec" => match argument_of(inner) {
                Some(element) if last_name(&element).as_deref() == Some("String") => Form::Texts,
                Some(element) if last_name(&element).as_deref() == Some("Scalar") => Form::List(of),
                element => Form::List(self.of_type(element.as_ref().unwrap_or(inner))?),
            },
            _ => match inner {
                Type::Array(array) => {
                    let of = self.of_type(&array.elem)?;
                    let count = match &array.len {
                        Expr::Lit(syn::ExprLit { lit: Lit::Int(count), .. }) => count.base10_parse()?,
                        other => return Err(Error::new_spanned(other, "write the length out, like `[i64; 3]`")),
                    };
                    Form::Tuple(of, Length::Fixed(count))
                }
                _ => match self.of_type(inner) {
                    Ok(of) => Form::Scalar(of),
                    // What is no value is an enum of words; the compiler says so if it is neither.
                    Err(_) if matches!(inner, Type::Path(_)) => Form::Word,
                    Err(error) => return Err(error),
                },
            },
        })
    }

    fn rank_of(&mut self, rank: Option<usize>, of: Of) -> usize {
        let at = rank.unwrap_or_else(|| self.common_rank());
        self.variables[at].bound = true;
        if let Of::Variable(dtype) = of {
            self.variables[dtype].bound = true;
        }
        at
    }

    /// A type parameter or a plain type of values.
    fn of_type(&self, ty: &Type) -> Result<Of> {
        let name = last_name(ty).unwrap_or_default();
        if let Some(at) = self.find(&name) {
            return Ok(Of::Variable(at));
        }
        if let Some(dtype) = classes::of_rust(&name) {
            return Ok(Of::Dtype(dtype));
        }
        if self.astray.contains(&name) {
            return Ok(Of::Any);
        }
        let text =
            "its elements are a type parameter of `each(..)` or a type of values: i8 to u64, f32, f64, bool";
        Err(Error::new_spanned(ty, text))
    }

    fn own(&mut self, ty: &Type) -> Result<Form> {
        let class = argument_of(ty).as_ref().and_then(last_name);
        let class = class.ok_or_else(|| Error::new_spanned(ty, "say which symbol it is: `Own<MySym<T>>`"))?;
        let fields = self.classes.fields(&class);
        let variables: Vec<Option<usize>> = fields
            .iter()
            .map(|field| {
                let is = |one: &Option<(String, String)>| one.as_ref() == Some(&(class.clone(), field.clone()));
                self.fields.iter().position(is)
            })
            .collect();
        for variable in variables.iter().flatten() {
            self.variables[*variable].bound = true;
        }
        Ok(Form::Own { class, variables })
    }

    /// Which variables stand in the name: those of `params`, or all, in the order of `each`.
    fn order(&self, params: Option<&[Ident]>) -> Result<Vec<usize>> {
        let Some(params) = params else { return Ok((0..self.variables.len()).collect()) };
        params
            .iter()
            .map(|name| {
                self.find(&name.to_string()).ok_or_else(|| {
                    let known: Vec<&str> = self.variables.iter().map(|one| one.name.as_str()).collect();
                    let text = format!(
                        "`{name}` is no variable of the command{}",
                        names::instead(&name.to_string(), &known)
                    );
                    Error::new(name.span(), text)
                })
            })
            .collect()
    }

    /// A word that a parameter carries is a class of words.
    fn carried(&self, args: &[Arg]) -> Result<()> {
        for arg in args {
            if let Form::Variable(at) = arg.form
                && !matches!(self.variables[at].among, Among::Words(_))
            {
                let text =
                    format!("`{}` is a class of dtypes or ranks; a parameter carries words of an enum", arg.ident);
                return Err(Error::new(arg.ident.span(), text));
            }
        }
        Ok(())
    }

    /// What the method takes on the wire.
    fn sent(&self, standard: bool, formals: Vec<Parameter>) -> Vec<Parameter> {
        let parameter = |name: &str, ty, default| Parameter {
            ident: Ident::new(name, proc_macro2::Span::call_site()),
            ty,
            kind: Kind::Value { default, since: false },
        };
        if standard {
            let texts = parse_quote!(::std::collections::BTreeMap<::std::string::String, ::std::string::String>);
            let none = Some(parse_quote!(::core::default::Default::default()));
            return vec![
                parameter("command", parse_quote!(::std::string::String), None),
                parameter("arguments", texts, none),
            ];
        }
        let types = parse_quote!(::std::vec::Vec<::std::string::String>);
        let none = Some(parse_quote!(::std::vec::Vec::<::std::string::String>::new()));
        std::iter::once(parameter("types", types, none)).chain(formals).collect()
    }
}

/// The first type argument of a path type.
fn argument_of(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(list) = &path.path.segments.last()?.arguments else { return None };
    list.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    })
}
