//! Flists of all three kinds.

use super::*;

const FLISTS: &str = r#"
flist modules {
    pack "/lib/modules/{kernel}"
    embed "/etc/rfs/modules-{kernel}.fl"
    store write="blobs" read="https://flists.example/blobs"
}
flist firmware {
    pack firmware=linux-firmware
    embed "/etc/rfs/firmware-{tag}.fl"
    tag "20250908"
    store write="blobs" read="https://flists.example/blobs"
}
flist docs {
    pack "/usr/share/doc"
    embed "/etc/rfs/docs.fl"
    store write="blobs" read="https://flists.example/blobs"
}
size { strip modules }
"#;

fn with_flists() -> Plan {
    let manifest = format!("{}{FLISTS}", MANIFEST.replace("size { drop docs }\n", ""));
    let mut inputs = inputs();
    for name in ["linux-firmware", "linux-firmware-intel"] {
        let mut package = package(Role::Flist, name, &[]);
        package.because = vec!["linux-firmware".into()];
        inputs.lock.packages.push(package);
    }
    lower(&image(&manifest), &inputs).expect("lowers")
}

#[test]
fn all_three_kinds_of_flists_lower_to_this_plan() {
    insta::assert_snapshot!(listing(&with_flists()));
}

#[test]
fn a_list_says_what_it_is_and_where_its_blobs_are() {
    let plan = with_flists();
    let mut told = String::new();
    for flist in &plan.flists {
        let Input::Output(id) = flist.output else {
            panic!("made by an action");
        };
        let Action::Flist { tags, route, .. } = &plan.actions[id.0 as usize].action else {
            panic!("packed");
        };
        let (name, embed) = (&flist.name.value, &flist.embed);
        let (folder, of) = (&flist.folder, flist.content_of);
        told.push_str(&format!(
            "{name} {embed} {route} {folder} {of:?} {tags:?}\n"
        ));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn without_flists_nothing_of_them_is_in_a_plan() {
    let plan = lower(&image(MANIFEST), &inputs()).expect("lowers");
    let stages = plan.actions.iter().map(|planned| planned.stage);
    assert!(plan.flists.is_empty());
    assert!(stages.into_iter().all(|stage| stage != Stage::RfsFlists));
}
