use super::*;
use crate::lsp::knowledge::made;

/// The lenses of a text, a line each: node, title, command, steps.
fn shown(text: &str, image: Option<&Image>) -> String {
    let knowledge = made::knowledge();
    let known = Known {
        entry: Path::new("/m/zos.kdl"),
        image,
        lock: knowledge.locked().expect("locked").lock(),
    };
    let lenses = lenses_in(text, &known).into_iter().map(|(range, command)| {
        let steps: Vec<String> = command.steps.iter().map(|step| step.join(" ")).collect();
        let (title, name) = (command.title, command.name);
        format!(
            "{}: {title} = {name} ({})\n",
            &text[range],
            steps.join("; ")
        )
    });
    lenses.collect()
}

#[test]
fn images_and_sources_can_be_built() {
    insta::assert_snapshot!(shown(made::MANIFEST, Some(&made::image())));
}

#[test]
fn nothing_is_booted_that_cannot_be() {
    let mut image = made::image();
    image
        .outputs
        .retain(|output| output.kind != OutputKind::Efi);
    assert!(!shown(made::MANIFEST, Some(&image)).contains("zosc.boot"));
    assert!(!shown(made::MANIFEST, None).contains("zosc.boot"));
}

#[test]
fn sources_that_are_only_fetched_and_those_of_broken_texts_have_what_makes_sense() {
    let text = "image é {\n    title x\n\nsource zinit {\n    git\n\nsource other { release \"https://x\" }\n/-source zinit\n";
    assert_eq!(
        shown(text, Some(&made::image())),
        "image: check = zosc.check (check zos.kdl)\n\
         image: build this image = zosc.build (build zos.kdl)\n\
         image: boot this image = zosc.boot (build zos.kdl; boot dist/vmlinuz-6.12.1-0-virt.efi --manifest zos.kdl)\n\
         source: build this source = zosc.source (shell zinit --manifest zos.kdl -- /build/run)\n\
         source: open a shell = zosc.shell (shell zinit --manifest zos.kdl)\n"
    );
}

#[test]
fn a_command_says_where_and_what_to_run() {
    let command = Command::new("check", "zosc.check", &[&["check", "zos.kdl"]]);
    let command = command.of_protocol(Path::new("/m/zos.kdl"));
    let arguments = command.arguments.expect("arguments");
    let expected = serde_json::json!({ "folder": "/m", "steps": [["check", "zos.kdl"]] });
    assert_eq!(arguments, [expected]);
}
