//! A command's way through a server: what it needs goes there, it is executed, and what it left comes back.
//!
//! Comes in: an action of the protocol with its input root. Goes out: the tree that the command left, in the store. Says on the way how far it is. A server that
//! loses something is given the command again, a few times.

use super::super::Elsewhere;
use super::super::logs::Log;
use super::super::perform::Context;
use super::super::perform::run::{failed, tell};
use super::super::sandbox::{End, Lines};
use super::input::Input;
use super::outcome::Outcome;
use super::refusal::no_result;
use super::{bring, bringer, executing, tell_of, uploading};
use crate::diagnostic::Diagnostic;
use crate::remote::{
    self, ActionResult, Client, Executed, Failure, Kind, Lookup, Output, Prepared, Stage,
};
use crate::tree::Digest;

/// How often a command is given to a server that loses something of it.
const ROUNDS: usize = 3;
/// The most output of a command that is kept in memory.
const MOST_OUTPUT: u64 = 4 << 20;
/// The most output that a command can have written: its limit, and what zosc itself says there.
const MOST_LOG: u64 = 300 << 20;

/// What a result comes to.
enum Conclusion {
    /// What the command left.
    Made(Digest),
    /// It is kept and counts for none; what was wrong with it.
    Nothing(Option<Failure>),
}

/// A command on its way through a server.
pub(super) struct Run<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) client: &'a Client,
    pub(super) action: &'a Prepared,
    pub(super) input: &'a Input,
    /// Whether it is executed even where the server has a result.
    pub(super) is_anew: bool,
}

impl Run<'_> {
    /// Looks whether the server has the result of the action already, and has it executed where not.
    pub(super) fn carry_out(&self) -> Result<Digest, Failure> {
        let cancel = self.context.options.cancel;
        let mut lookup = if self.is_anew {
            Lookup::Skip
        } else {
            Lookup::Ask
        };
        let mut loss = None;
        if lookup == Lookup::Ask {
            let kept = match self.client.result_of(&self.action.blob, cancel) {
                Ok(Some(result)) => self.conclude(&result, true)?,
                Ok(None) => Conclusion::Nothing(None),
                Err(failure) if failure.kind == Kind::Lost => Conclusion::Nothing(Some(failure)),
                Err(failure) => return Err(failure),
            };
            match kept {
                Conclusion::Made(made) => return Ok(made),
                Conclusion::Nothing(None) => {}
                Conclusion::Nothing(found) => (lookup, loss) = (Lookup::Skip, found),
            }
        }
        for _ in 0..ROUNDS {
            self.send()?;
            let executed = match self.execute(lookup) {
                Err(failure) if failure.kind == Kind::Lost => {
                    loss = Some(failure);
                    continue;
                }
                executed => executed?,
            };
            match self.conclude(&executed.result, executed.cached) {
                Ok(Conclusion::Made(made)) => return Ok(made),
                // A result that is kept and does not hold is made anew.
                Ok(Conclusion::Nothing(found)) => {
                    lookup = Lookup::Skip;
                    loss = found;
                }
                Err(failure) if failure.kind == Kind::Lost => {
                    lookup = Lookup::Skip;
                    loss = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        let loss = loss.unwrap_or_else(|| no_result(self.client.endpoint()).into());
        Err(Failure {
            kind: Kind::Final,
            ..loss
        })
    }

    /// Sends what the server lacks.
    fn send(&self) -> Result<(), Failure> {
        let mut contents = self.input.contents(self.context.store);
        let messages = self.action.messages.iter().cloned();
        contents.extend(messages.map(|(blob, bytes)| (blob, remote::Content::Bytes(bytes))));
        let cancel = self.context.options.cancel;
        self.client
            .upload(&contents, &mut uploading(self.context), cancel)?;
        Ok(())
    }

    fn execute(&self, lookup: Lookup) -> Result<Executed, Failure> {
        let mut stage = |stage: Stage| match stage {
            Stage::Queued => tell_of(self.context, Elsewhere::Queued),
            Stage::Executing { worker } => executing(self.context, &worker),
            Stage::Accepted | Stage::Checking => {}
        };
        let cancel = self.context.options.cancel;
        let executed = self
            .client
            .execute(self.action, lookup, &mut stage, cancel)?;
        executing(self.context, &executed.result.worker);
        Ok(executed)
    }

    /// Brings what a command left.
    fn conclude(&self, result: &ActionResult, is_kept: bool) -> Result<Conclusion, Failure> {
        match self.concluded(result, is_kept) {
            // What it is like anew counts, whatever is wrong with the one that is kept.
            Err(failure) if is_kept && matches!(failure.kind, Kind::Lost | Kind::Final) => {
                Ok(Conclusion::Nothing(Some(failure)))
            }
            concluded => concluded,
        }
    }

    fn concluded(&self, result: &ActionResult, is_kept: bool) -> Result<Conclusion, Failure> {
        let context = self.context;
        match bring(context, self.client, result)? {
            Outcome::Ended(_) | Outcome::Refused(_) if is_kept => {
                let failure = no_result(self.client.endpoint()).into();
                Ok(Conclusion::Nothing(Some(failure)))
            }
            Outcome::Refused(problem) => Err(problem.into()),
            Outcome::Left(tree) => {
                executing(context, &result.worker);
                let log = self.log(result)?;
                log.succeeded(context.store)?;
                Ok(Conclusion::Made(tree))
            }
            Outcome::Ended(end) => Err(self.failed(result, end)?.into()),
        }
    }

    fn failed(&self, result: &ActionResult, end: End) -> Result<Diagnostic, Failure> {
        let log = self.log(result)?;
        let place = bringer(self.context, self.client).place(result);
        Ok(failed(self.context, end, log, None, None).note(place))
    }

    /// Tells of all that a command has written, and keeps it.
    fn log(&self, result: &ActionResult) -> Result<Log, Failure> {
        let context = self.context;
        let (store, cancel) = (context.store, context.options.cancel);
        let mut log = Log::new(
            store,
            &context.key,
            &context.plan.manifest,
            &context.planned.label,
        )?;
        let mut lines = Lines::default();
        let mut take = |line: &[u8]| tell(context, &mut log, line);
        match &result.stdout {
            Output::Inline(bytes) => lines.take(bytes, &mut take),
            Output::Blob(blob) if blob.size <= MOST_OUTPUT => {
                lines.take(&self.client.read(blob, MOST_OUTPUT, cancel)?, &mut take);
            }
            Output::Blob(blob) if blob.size <= MOST_LOG => {
                self.client
                    .download(&[*blob], store, &mut |_, _| {}, cancel)?;
                let mut stream = store.stream(&blob.digest)?;
                read(&mut stream, &mut lines, &mut take);
                stream.finish()?;
            }
            // No command of zosc's may write so much.
            Output::Blob(blob) => lines.take(&self.client.read(blob, MOST_LOG, cancel)?, &mut take),
        }
        lines.finish(&mut take);
        Ok(log)
    }
}

/// Passes a long output on.
fn read(stream: &mut impl std::io::Read, lines: &mut Lines, take: &mut dyn FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        lines.take(&buffer[..count], take);
    }
}
