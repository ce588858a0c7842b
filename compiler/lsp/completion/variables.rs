//! What stands in braces: variables of templates.

use crate::manifest::model::Naming;

use super::super::protocol::CompletionItemKind;
use super::list::{Ctx, List};
use super::proposal::Proposal;
use super::values::piece;

/// In a template, this word stands for what there is of each source.
const SOURCE: &str = "source";

impl Ctx<'_> {
    /// The variables of a template, where the cursor is behind an open brace.
    pub(super) fn variables(&self, template: &[String], list: &mut List) -> bool {
        let cursor = &self.cursor;
        let before = cursor
            .text
            .get(cursor.word.start..cursor.offset)
            .unwrap_or_default();
        let Some(brace) = before
            .rfind('{')
            .filter(|brace| !before[*brace..].contains('}'))
        else {
            return false;
        };
        let behind = cursor
            .text
            .get(cursor.offset..cursor.word.end)
            .unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let end = behind.find(|c| !is_name(c)).unwrap_or(behind.len());
        let closing = usize::from(behind[end..].starts_with('}'));
        let start = cursor.word.start + brace;
        list.narrow(cursor, start..cursor.offset + end + closing);
        for name in template {
            match name.as_str() {
                SOURCE => self.of_sources(list),
                name => list.push(variable(name).detail(self.meaning(name))),
            }
        }
        true
    }

    /// What a variable stands for, in the words of the member that it is the value of.
    fn meaning(&self, name: &str) -> String {
        let shapes = self.model.shapes.iter();
        let mut members = shapes.flat_map(|shape| &shape.members);
        let is_it = |naming: &Naming| naming.variable.as_deref() == Some(name);
        let member = members.find(|member| is_it(&member.naming));
        let text = member.map_or("", |member| member.description.as_str());
        text.lines().next().unwrap_or_default().to_owned()
    }

    fn of_sources(&self, list: &mut List) {
        let good = self.view.project.good.as_ref();
        let image = good.and_then(|checked| checked.image.as_ref());
        let names = image.map_or_else(Vec::new, crate::check::source_variables);
        for name in names {
            list.push(variable(&name));
        }
    }
}

fn variable(name: &str) -> Proposal {
    piece(&format!("{{{name}}}"), CompletionItemKind::Variable)
}
