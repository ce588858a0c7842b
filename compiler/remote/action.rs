//! A command as the protocol has it: an action, which is a command, an input root and what workers must have.

use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use bazel_remote_apis::google::protobuf;
use prost::Message as _;

use super::Blob;

/// What is to be executed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// The program, relative to the input root, and what it is told.
    pub arguments: Vec<String>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// Folders and files that come back, relative to the input root.
    pub outputs: Vec<String>,
    /// What the worker must have.
    pub properties: Vec<(String, String)>,
    /// After what time the worker ends it.
    pub timeout: Option<Duration>,
}

/// An action that can be asked after and executed, once the server has its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The action's name.
    pub blob: Blob,
    /// What the server needs of it, besides the input root.
    pub messages: Vec<(Blob, Vec<u8>)>,
    /// After what time the worker ends it.
    pub timeout: Option<Duration>,
}

/// Makes an action of a command and an input root.
#[expect(
    deprecated,
    reason = "what newer servers do not need is there for older ones"
)]
pub fn action(command: &Command, root: &Blob) -> Prepared {
    let mut outputs = command.outputs.clone();
    outputs.sort();
    let platform = platform(&command.properties);
    let described = api::Command {
        arguments: command.arguments.clone(),
        environment_variables: environment(&command.environment),
        // Servers of version 2.0 know folders alone, the others look at paths first.
        output_directories: outputs.clone(),
        output_paths: outputs,
        // Here for servers before 2.2, in the action for those since.
        platform: platform.clone(),
        ..Default::default()
    };
    let described = named(described.encode_to_vec());
    let action = api::Action {
        command_digest: Some(described.0.to_api()),
        input_root_digest: Some(root.to_api()),
        timeout: command.timeout.map(|timeout| protobuf::Duration {
            seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(timeout.subsec_nanos()).unwrap_or(0),
        }),
        platform,
        ..Default::default()
    };
    let action = named(action.encode_to_vec());
    Prepared {
        blob: action.0,
        messages: vec![described, action],
        timeout: command.timeout,
    }
}

/// Variables in the order that the protocol asks for.
fn environment(variables: &[(String, String)]) -> Vec<api::command::EnvironmentVariable> {
    let mut variables = variables.to_vec();
    variables.sort();
    let one = |(name, value)| api::command::EnvironmentVariable { name, value };
    variables.into_iter().map(one).collect()
}

/// Properties in the order that the protocol asks for; none at all where there are none, which not every server takes for the same.
fn platform(properties: &[(String, String)]) -> Option<api::Platform> {
    let mut properties = properties.to_vec();
    properties.sort();
    let one = |(name, value)| api::platform::Property { name, value };
    let properties: Vec<_> = properties.into_iter().map(one).collect();
    (!properties.is_empty()).then_some(api::Platform { properties })
}

/// A message with its name.
pub(super) fn named(bytes: Vec<u8>) -> (Blob, Vec<u8>) {
    (Blob::of(&bytes), bytes)
}
