//! The schema in the form that the lowering asks it in: which members a node has, and how each is written.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::language::Language;
use super::secret::SecretForm;

/// How a member is written in KDL; the table is in [`super`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The node's first argument.
    Arg,
    /// All further arguments.
    Args,
    /// A property.
    Prop,
    /// A child node, at most once.
    Child,
    /// A child node without arguments.
    Flag,
    /// Child nodes whose arguments are gathered.
    Words,
    /// A child node that may be repeated.
    List,
    /// Child nodes whose properties have open-ended names.
    Pairs,
}

impl Role {
    /// The role with this name in the schema.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "arg" => Self::Arg,
            "args" => Self::Args,
            "prop" => Self::Prop,
            "child" => Self::Child,
            "flag" => Self::Flag,
            "words" => Self::Words,
            "list" => Self::List,
            "pairs" => Self::Pairs,
            _ => return None,
        })
    }

    /// Whether it is written as a child node.
    pub fn is_child(self) -> bool {
        !matches!(self, Self::Arg | Self::Args | Self::Prop)
    }
}

/// A scalar type.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Any text.
    Text,
    /// One of these words; each with its description.
    Choice(Vec<(String, String)>),
    /// A whole number.
    Number,
    /// `#true` or `#false`.
    Truth,
    /// Where a secret is read.
    Secret(SecretForm),
}

/// What a member holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One scalar, or several where the role gathers.
    Scalar(Scalar),
    /// A node with members of its own: an index into [`Model::shapes`].
    Shape(usize),
}

/// One field.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// How it is written.
    pub role: Role,
    /// What it holds.
    pub kind: Kind,
    /// Whether a node without it is wrong.
    pub required: bool,
    /// What it means, in the words of its doc comment.
    pub description: String,
    /// What to say when a value does not fit.
    pub message: Option<String>,
    /// The units that a value ends with, where it is a number and a unit.
    pub units: Vec<String>,
    /// Examples, as values.
    pub examples: Vec<Value>,
    /// What holds where nothing is written, if that is always the same.
    pub default: Option<Value>,
    /// How a node or property of this kind is best begun, in the syntax of editors' snippets.
    pub snippet: Option<String>,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// What an editor may offer.
    pub complete: Option<String>,
    /// What its value has to do with names.
    pub naming: Naming,
}

impl Member {
    /// The first example.
    pub fn example(&self) -> Option<&Value> {
        self.examples.first()
    }

    /// What an argument is a value of, by its place among those of a node that is this member; `shape` is that of the node, where it has one.
    pub fn argument<'m>(&'m self, shape: Option<&'m Shape>, place: usize) -> Option<&'m Self> {
        if let Some(shape) = shape {
            let first = shape.with_role(Role::Arg).filter(|_| place == 0);
            return first.or_else(|| shape.with_role(Role::Args));
        }
        let takes = match self.role {
            Role::Words => true,
            Role::Child | Role::List | Role::Flag => place == 0,
            Role::Arg | Role::Args | Role::Prop | Role::Pairs => false,
        };
        takes.then_some(self)
    }

    /// What a property of a node that is this member is, by its name; `shape` is that of the node, where it has one.
    pub fn property<'m>(&'m self, shape: Option<&'m Shape>, name: &str) -> Option<&'m Self> {
        let known = shape.and_then(|shape| shape.member(name));
        let known = known.filter(|member| member.role == Role::Prop);
        known.or_else(|| (self.role == Role::Pairs).then_some(self))
    }
}

/// What a value has to do with names that stand in several places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    /// It is a name of this kind, of the author's own making.
    pub names: Option<String>,
    /// It makes something known under a name of this kind that the author cannot choose freely.
    pub declares: Option<String>,
    /// It refers to a name of this kind.
    pub refers: Option<String>,
    /// Where in the value that name stands.
    pub form: NameForm,
    /// A name of another kind that follows from this one.
    pub implies: Option<Implied>,
    /// The variable that stands for it in templates.
    pub variable: Option<String>,
    /// The variables that it may hold in braces; `source` stands for `source.NAME.…`.
    pub template: Vec<String>,
}

/// Where in a value a name stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NameForm {
    /// The value is the name.
    #[default]
    Whole,
    /// Every word of the value may be one.
    Words,
    /// The word behind this beginning of the value.
    Behind(String),
}

impl NameForm {
    /// The form as it stands in the schema: `NAME…`, or `unit NAME`.
    fn read(form: &str) -> Self {
        match form.strip_suffix("NAME") {
            Some(before) => Self::Behind(before.to_owned()),
            None => Self::Words,
        }
    }
}

/// A name that follows from another: the unit `rfs-modules` from the flist `modules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Implied {
    /// Its kind.
    pub kind: String,
    /// What stands before the other name in it.
    pub prefix: String,
    /// The member of the node on which it depends.
    pub member: String,
    /// Whether it follows where the node has that member, or where it has not.
    pub with_member: bool,
}

impl Implied {
    /// `[KIND, "rfs-NAME", MEMBER]`, with a `!` before a member that must be absent.
    fn read(list: &Value) -> Option<Self> {
        let part = |index: usize| list.get(index)?.as_str();
        let member = part(2)?;
        Some(Self {
            kind: part(0)?.to_owned(),
            prefix: part(1)?.strip_suffix("NAME")?.to_owned(),
            member: member.trim_start_matches('!').to_owned(),
            with_member: !member.starts_with('!'),
        })
    }
}

impl Naming {
    fn read(property: &Value) -> Self {
        let form = property.get("x-form").and_then(Value::as_str);
        let template = property.get("x-template").and_then(Value::as_array);
        let variables = template.into_iter().flatten().filter_map(Value::as_str);
        Self {
            names: optional_text(property, "x-names"),
            declares: optional_text(property, "x-declares"),
            refers: optional_text(property, "x-refers"),
            form: form.map_or(NameForm::Whole, NameForm::read),
            implies: property.get("x-implies").and_then(Implied::read),
            variable: optional_text(property, "x-variable"),
            template: variables.map(str::to_owned).collect(),
        }
    }
}

/// A node type: its members in the order of declaration.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// Its name among the types.
    pub name: String,
    /// What it means, in the words of its doc comment.
    pub description: String,
    /// Its members.
    pub members: Vec<Member>,
}

impl Shape {
    /// The member with this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The member with this role, for roles that a shape has once.
    pub fn with_role(&self, role: Role) -> Option<&Member> {
        self.members.iter().find(|member| member.role == role)
    }

    /// Names of members written as children.
    pub fn children(&self) -> impl Iterator<Item = &str> {
        self.named(Role::is_child)
    }

    /// Names of members written as properties.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.named(|role| role == Role::Prop)
    }

    fn named(&self, test: impl Fn(Role) -> bool) -> impl Iterator<Item = &str> {
        self.members
            .iter()
            .filter(move |member| test(member.role))
            .map(|member| member.name.as_str())
    }
}

/// Every node type of the language.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// What a whole file is called in messages: `a manifest`.
    pub whole: &'static str,
    /// The types; the first is that of a whole file.
    pub shapes: Vec<Shape>,
}

impl Model {
    /// The model of the manifest's language, made once.
    pub fn get() -> &'static Self {
        Language::manifest().model()
    }

    /// The shape of a whole file.
    pub fn root(&self) -> &Shape {
        self.shape(0)
    }

    /// The shape with this index.
    pub fn shape(&self, index: usize) -> &Shape {
        self.shapes
            .get(index)
            .expect("kinds hold indices of this model")
    }

    /// The members of a node that is this member; none of one that holds scalars.
    pub fn shape_of(&self, member: &Member) -> Option<&Shape> {
        match member.kind {
            Kind::Shape(index) => Some(self.shape(index)),
            Kind::Scalar(_) => None,
        }
    }

    /// Names of the nodes in which a child or property of this name is right, as written from the top: `source build`.
    pub fn homes(&self, name: &str) -> Vec<(String, Role)> {
        let mut homes = Vec::new();
        self.collect_homes(0, "", name, 0, &mut homes);
        homes
    }

    fn collect_homes(
        &self,
        index: usize,
        path: &str,
        name: &str,
        depth: usize,
        homes: &mut Vec<(String, Role)>,
    ) {
        for member in &self.shape(index).members {
            let is_named = member.role.is_child() || member.role == Role::Prop;
            if member.name == name && is_named {
                homes.push((path.to_owned(), member.role));
            }
            if let Kind::Shape(inner) = member.kind
                && depth < 8
            {
                let path = format!("{path} {}", member.name);
                self.collect_homes(inner, path.trim_start(), name, depth + 1, homes);
            }
        }
    }

    /// Reads a schema. Shapes of `$defs` come first to be numbered, so that they may refer to each other.
    pub(super) fn read(whole: &'static str, schema: &Value) -> Self {
        let empty = Map::new();
        let definitions = schema
            .get("$defs")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, definition) in definitions {
            if definition.get("properties").is_some() {
                numbers.insert(name, numbers.len() + 1);
            }
        }
        let reader = Reader {
            definitions,
            numbers: &numbers,
        };
        let mut shapes = vec![Shape::default(); numbers.len() + 1];
        let all = std::iter::once(("", schema)).chain(
            numbers
                .keys()
                .filter_map(|name| definitions.get(*name).map(|definition| (*name, definition))),
        );
        for (name, definition) in all {
            let number = numbers.get(name).copied().unwrap_or(0);
            if let Some(shape) = shapes.get_mut(number) {
                *shape = reader.shape(name, definition);
            }
        }
        Self { whole, shapes }
    }
}

struct Reader<'a> {
    definitions: &'a Map<String, Value>,
    numbers: &'a BTreeMap<&'a str, usize>,
}

impl Reader<'_> {
    fn shape(&self, name: &str, definition: &Value) -> Shape {
        let required: Vec<&str> = definition
            .get("required")
            .and_then(Value::as_array)
            .map_or(Vec::new(), |names| {
                names.iter().filter_map(Value::as_str).collect()
            });
        let properties = definition.get("properties").and_then(Value::as_object);
        Shape {
            name: name.to_owned(),
            description: text(definition, "description"),
            members: properties
                .into_iter()
                .flatten()
                .map(|(name, property)| {
                    self.member(name, property, required.contains(&name.as_str()))
                })
                .collect(),
        }
    }

    fn member(&self, name: &str, property: &Value, required: bool) -> Member {
        let role = property
            .get("x-kdl")
            .and_then(Value::as_str)
            .and_then(Role::named)
            .expect("every field has an `x-kdl` role; a test holds it");
        let items = property.get("items").unwrap_or(property);
        let at_least_one = property.get("minItems").is_some_and(|least| *least != 0);
        Member {
            name: name.to_owned(),
            role,
            kind: match role {
                Role::Pairs => Kind::Scalar(match optional_text(property, "x-secret") {
                    Some(form) => Scalar::Secret(SecretForm::named(&form)),
                    None => Scalar::Text,
                }),
                _ => self.kind(items),
            },
            required: required || at_least_one,
            description: text(property, "description"),
            message: optional_text(property, "x-message"),
            units: units(items),
            default: property.get("default").cloned(),
            examples: property
                .get("examples")
                .and_then(Value::as_array)
                .map_or_else(Vec::new, Clone::clone),
            snippet: optional_text(property, "x-snippet"),
            deprecated: property.get("deprecated") == Some(&Value::Bool(true)),
            complete: optional_text(property, "x-complete")
                .or_else(|| optional_text(property, "x-refers")),
            naming: Naming::read(property),
        }
    }

    fn kind(&self, property: &Value) -> Kind {
        let reference = property
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.rsplit('/').next());
        if let Some(number) = reference.and_then(|name| self.numbers.get(name)) {
            return Kind::Shape(*number);
        }
        let property = reference
            .and_then(|name| self.definitions.get(name))
            .unwrap_or(property);
        if let Some(form) = optional_text(property, "x-secret") {
            return Kind::Scalar(Scalar::Secret(SecretForm::named(&form)));
        }
        let choices = choices(property);
        if !choices.is_empty() {
            return Kind::Scalar(Scalar::Choice(choices));
        }
        Kind::Scalar(match property.get("type").and_then(Value::as_str) {
            Some("integer") => Scalar::Number,
            Some("boolean") => Scalar::Truth,
            _ => Scalar::Text,
        })
    }
}

/// The words of an enum: `oneOf` constants, or `enum`.
pub(super) fn choices(schema: &Value) -> Vec<(String, String)> {
    let constants = schema.get("oneOf").and_then(Value::as_array);
    let constants = constants.into_iter().flatten().filter_map(|option| {
        let word = option.get("const")?.as_str()?;
        Some((word.to_owned(), text(option, "description")))
    });
    let words = schema.get("enum").and_then(Value::as_array);
    let words = words.into_iter().flatten();
    let words = words.filter_map(|word| Some((word.as_str()?.to_owned(), String::new())));
    constants.chain(words).collect()
}

fn text(schema: &Value, key: &str) -> String {
    optional_text(schema, key).unwrap_or_default()
}

/// The units of a quantity, whose pattern is `^[0-9]+(UNIT|UNIT)$`.
fn units(property: &Value) -> Vec<String> {
    let pattern = property.get("pattern").and_then(Value::as_str);
    let units = pattern
        .and_then(|pattern| pattern.strip_prefix("^[0-9]+("))
        .and_then(|pattern| pattern.strip_suffix(")$"));
    units.map_or_else(Vec::new, |units| {
        units.split('|').map(str::to_owned).collect()
    })
}

fn optional_text(schema: &Value, key: &str) -> Option<String> {
    Some(schema.get(key)?.as_str()?.to_owned())
}
