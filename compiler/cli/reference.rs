//! The page about all commands, made from what `--help` is made of.

use clap::{Arg, Command, CommandFactory as _};

/// The reference of the command line, in Markdown.
pub fn reference() -> String {
    let mut command = super::Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut text = String::from(
        "# Commands\n\n<!-- Made from the command line's own definitions: UPDATE_EXPECT=1 cargo test --test suite -->\n\n\
         What `zosc COMMAND --help` says, on one page; `zosc man DIR` writes it as manual pages, and `zosc completions SHELL` makes a shell \
         complete it. Exit codes are 0 for success, 1 for a failure that was explained, 2 for arguments that make no sense, and 128 with \
         the signal's number where somebody asked it to stop; `diff` has those of diff(1).\n\n",
    );
    for command in visible(&command) {
        let name = command.get_name();
        let about = command.get_about().map(ToString::to_string);
        let about = about.unwrap_or_default();
        text.push_str(&format!(
            "- [`zosc {name}`](#zosc-{name}): {}\n",
            lowered(about.trim_end_matches('.'))
        ));
    }
    text.push_str("\n## Options of every command\n\n");
    let shared = command
        .get_arguments()
        .filter(|argument| argument.is_global_set());
    shared.for_each(|argument| describe(argument, &mut text));
    for command in visible(&command) {
        tell(command, "zosc", 2, &mut text);
    }
    text
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    let commands = command.get_subcommands();
    commands.filter(|command| !command.is_hide_set())
}

/// A sentence as it stands behind a colon: names keep their capital.
fn lowered(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let first = characters.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(characters).collect()
}

fn tell(command: &Command, parent: &str, level: usize, text: &mut String) {
    let name = format!("{parent} {}", command.get_name());
    text.push_str(&format!("\n{} {name}\n\n", "#".repeat(level)));
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    text.push_str(&format!("{}\n\n", paragraphs(&about)));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    text.push_str(&format!("Usage: `{usage}`\n"));
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && !argument.is_global_set())
        .filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
        .collect();
    if !own.is_empty() {
        text.push('\n');
    }
    for argument in own {
        describe(argument, text);
    }
    for command in visible(command) {
        tell(command, &name, level + 1, text);
    }
}

/// Text of a help, whose indented lines are commands.
fn paragraphs(help: &str) -> String {
    let lines = help
        .trim_end()
        .lines()
        .map(|line| match line.strip_prefix("    ") {
            Some(command) => format!("- `{command}`\n"),
            None => format!("{line}\n"),
        });
    lines.collect::<String>().trim_end().to_owned()
}

/// One argument or option: how it is written, and its help.
fn describe(argument: &Arg, text: &mut String) {
    let names = argument.get_value_names().unwrap_or_default();
    let value = names
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ");
    let takes = argument.get_action().takes_values();
    let written = match (argument.get_long(), argument.get_short()) {
        (Some(long), short) => {
            let short = short.map_or_else(String::new, |short| format!("-{short}, "));
            let value = if takes {
                format!(" {value}")
            } else {
                String::new()
            };
            format!("{short}--{long}{value}")
        }
        (None, _) => value,
    };
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let help = help.trim().replace("\n\n", "\n").replace('\n', " ");
    let end = if help.ends_with(['.', ':']) { "" } else { "." };
    text.push_str(&format!(
        "- `{written}`: {help}{end}{}\n",
        choices(argument)
    ));
}

/// What may stand for a value, and what does where nothing is said.
fn choices(argument: &Arg) -> String {
    let mut text = String::new();
    if !argument.get_action().takes_values() {
        return text;
    }
    let values = argument.get_possible_values();
    let values: Vec<String> = values
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => {
                let help = help.to_string();
                format!("`{}` ({})", value.get_name(), help.trim_end_matches('.'))
            }
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if !values.is_empty() {
        text.push_str(&format!(" One of {}.", values.join(", ")));
    }
    let usual: Vec<_> = argument.get_default_values().iter().collect();
    if let [value] = usual.as_slice() {
        text.push_str(&format!(" Default: `{}`.", value.to_string_lossy()));
    }
    text
}
