//! What the path of a setting means: `kernel.version`, `source.zinit.crate.version`.
//!
//! The model of the language tells which names there are and how each is written, so a setting can be anything that a
//! manifest can say, and nothing else.

use crate::manifest::model::{Kind, Member, Model, Role, Scalar, Shape};

/// A node on the way to a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    /// The node's name.
    pub(super) node: String,
    /// Its first argument, where there may be several such nodes.
    pub(super) identity: Option<String>,
}

/// How a setting is written in its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// As the first argument.
    Argument,
    /// As a property.
    Property(String),
    /// As the argument of a child.
    Child(String),
    /// As the arguments of a child, of which there may be several.
    Words(String),
    /// As a property with an open-ended name of a child.
    Pair(String, String),
}

/// Where a setting belongs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    pub(super) hops: Vec<Hop>,
    pub(super) form: Form,
    /// What its value must be.
    pub(super) scalar: Scalar,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The part with this index is none of these names.
    Unknown(usize, Vec<String>),
    /// The path ends at a section; these names may follow.
    Incomplete(Vec<String>),
    /// The path ends where the name of one of several nodes must follow.
    Nameless,
    /// The part with this index is a list of nodes without names.
    List(usize),
    /// The part with this index follows a value.
    TooLong(usize),
}

/// Follows a path through the language.
pub(super) fn follow(parts: &[&str]) -> Result<Target, Wrong> {
    let model = Model::get();
    let mut shape = model.root();
    let mut hops = Vec::new();
    let mut index = 0;
    loop {
        let Some(name) = parts.get(index) else {
            return Err(Wrong::Incomplete(names(shape)));
        };
        let Some(member) = shape.member(name) else {
            return Err(Wrong::Unknown(index, names(shape)));
        };
        index += 1;
        let inner = match &member.kind {
            Kind::Shape(inner) => model.shape(*inner),
            Kind::Scalar(scalar) => {
                return Ok(Target {
                    hops,
                    form: form(member, parts, index)?,
                    scalar: scalar.clone(),
                });
            }
        };
        let mut identity = None;
        if member.role == Role::List {
            if inner.with_role(Role::Arg).is_none() {
                return Err(Wrong::List(index - 1));
            }
            identity = Some((*parts.get(index).ok_or(Wrong::Nameless)?).to_owned());
            index += 1;
        }
        let node = member.name.clone();
        hops.push(Hop { node, identity });
        shape = inner;
    }
}

/// How a scalar is written; `index` is that of the part behind its name.
fn form(member: &Member, parts: &[&str], index: usize) -> Result<Form, Wrong> {
    let name = member.name.clone();
    let mut end = index;
    let form = match member.role {
        Role::Arg => Form::Argument,
        Role::Prop => Form::Property(name),
        Role::Words => Form::Words(name),
        Role::Child | Role::Flag => Form::Child(name),
        Role::Args | Role::List => return Err(Wrong::List(index - 1)),
        Role::Pairs => {
            let key = parts.get(index).ok_or(Wrong::Nameless)?;
            end += 1;
            Form::Pair(name, (*key).to_owned())
        }
    };
    if end < parts.len() {
        return Err(Wrong::TooLong(end));
    }
    Ok(form)
}

fn names(shape: &Shape) -> Vec<String> {
    let names = shape.members.iter().map(|member| member.name.clone());
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(node: &str, identity: Option<&str>) -> Hop {
        Hop {
            node: node.to_owned(),
            identity: identity.map(str::to_owned),
        }
    }

    fn followed(path: &str) -> Result<Target, Wrong> {
        follow(&path.split('.').collect::<Vec<_>>())
    }

    #[test]
    fn paths_lead_to_every_kind_of_value() {
        let target = followed("kernel.version").expect("known");
        assert_eq!(target.hops, [hop("kernel", None)]);
        assert_eq!((target.form, target.scalar), (Form::Argument, Scalar::Text));
        let target = followed("initramfs.level").expect("known");
        assert_eq!(target.form, Form::Property("level".to_owned()));
        assert_eq!(target.scalar, Scalar::Number);
        let target = followed("initramfs.segments").expect("known");
        assert_eq!(target.scalar, Scalar::Truth);
        let target = followed("source.zinit.crate.version").expect("known");
        assert_eq!(
            target.hops,
            [hop("source", Some("zinit")), hop("crate", None)]
        );
        let target = followed("unit.sshd.env.LANG").expect("known");
        assert_eq!(target.form, Form::Pair("env".to_owned(), "LANG".to_owned()));
        let target = followed("kernel.config.set.CONFIG_IKCONFIG").expect("known");
        assert_eq!(target.hops, [hop("kernel", None), hop("config", None)]);
        let target = followed("source.corex.release.asset.x86_64.sha256").expect("known");
        let asset = hop("asset", Some("x86_64"));
        assert_eq!(target.hops[1..], [hop("release", None), asset]);
        let target = followed("kernel.sign.key").expect("known");
        assert!(matches!(target.scalar, Scalar::Secret(_)));
        let target = followed("unit.sshd.oneshot").expect("known");
        assert_eq!(
            (target.form, target.scalar),
            (Form::Child("oneshot".to_owned()), Scalar::Truth)
        );
    }

    #[test]
    fn other_paths_lead_nowhere() {
        assert!(matches!(
            followed("kernal.version"),
            Err(Wrong::Unknown(0, _))
        ));
        assert!(matches!(
            followed("kernel.versoin"),
            Err(Wrong::Unknown(1, _))
        ));
        assert!(matches!(followed("kernel"), Err(Wrong::Incomplete(_))));
        assert_eq!(followed("unit"), Err(Wrong::Nameless));
        assert_eq!(followed("packages.install"), Err(Wrong::List(0)));
        assert_eq!(followed("kernel.version.x"), Err(Wrong::TooLong(2)));
    }
}
