//! Messages over standard input and output.
//!
//! A frame that cannot be understood is told and left out, and the next one is read: an editor that words one message badly
//! keeps its server. What is larger than any text that zosc reads is skipped without being kept.

use std::io::{self, BufRead, Read as _, Write};
use std::sync::mpsc::{Receiver, Sender};

use super::protocol::wire::Message;
use super::server::Event;

/// The largest message that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// The longest line of a header.
const LONGEST_LINE: u64 = 4096;

/// Reads messages until there are no more.
pub(super) fn read(input: &mut dyn BufRead, events: &Sender<Event>) {
    loop {
        let event = match frame(input) {
            Ok(Some(Ok(message))) => Event::Client(message),
            Ok(Some(Err(reason))) => Event::Malformed(reason),
            Ok(None) | Err(_) => Event::Gone,
        };
        let is_over = matches!(event, Event::Gone);
        if events.send(event).is_err() || is_over {
            return;
        }
    }
}

/// Writes messages until there are no more, or nobody reads them.
pub(super) fn write(messages: &Receiver<Message>, output: &mut impl Write) {
    for message in messages {
        if message.write(output).is_err() || output.flush().is_err() {
            return;
        }
    }
}

/// One message, or why it is none; `None` at the end.
fn frame(input: &mut dyn BufRead) -> io::Result<Option<Result<Message, String>>> {
    let mut length = None;
    let mut is_strange = false;
    loop {
        let mut line = Vec::new();
        if (&mut *input)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(None);
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            if length.is_some() || is_strange {
                break;
            }
            continue;
        }
        match header(line) {
            Some(("content-length", value)) => length = value.parse::<u64>().ok(),
            Some(_) => {}
            None => is_strange = true,
        }
    }
    let Some(length) = length else {
        return Ok(Some(Err("a message without `Content-Length`".to_owned())));
    };
    let mut body = (&mut *input).take(length);
    if length > LARGEST {
        io::copy(&mut body, &mut io::sink())?;
        return Ok(Some(Err(format!("a message of {length} bytes"))));
    }
    let mut bytes = Vec::new();
    if (body.read_to_end(&mut bytes)? as u64) < length {
        return Ok(None);
    }
    Ok(Some(message(&bytes)))
}

fn message(bytes: &[u8]) -> Result<Message, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        format!("a message that is none: {error}: {start}")
    })
}

/// The name, in lower case as far as it is known, and the value of a line of a header.
fn header(line: &[u8]) -> Option<(&'static str, &str)> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let is_length = name.trim().eq_ignore_ascii_case("content-length");
    let name = if is_length { "content-length" } else { "other" };
    Some((name, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(input: &[u8]) -> Vec<String> {
        let (events, inbox) = std::sync::mpsc::channel();
        read(&mut io::Cursor::new(input), &events);
        drop(events);
        let told = |event| match event {
            Event::Client(Message::Notification(notification)) => notification.method,
            Event::Client(other) => format!("{other:?}"),
            Event::Malformed(reason) => reason,
            Event::Gone => "gone".to_owned(),
            _ => unreachable!("nothing else is read"),
        };
        inbox.iter().map(told).collect()
    }

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn what_is_no_message_is_left_out() {
        let good = framed(r#"{"jsonrpc":"2.0","method":"exit"}"#);
        let input = [
            &*good,
            &framed("{not json"),
            &framed(r#"[{"method":"a"}]"#),
            &good,
        ];
        let told = read_all(input.concat().as_bytes());
        assert_eq!(told.len(), 5, "{told:?}");
        assert_eq!([&*told[0], &*told[3], &*told[4]], ["exit", "exit", "gone"]);
        assert!(told[1].starts_with("a message that is none"), "{told:?}");
    }

    #[test]
    fn headers_are_read_as_they_come() {
        let body = r#"{"method":"exit"}"#;
        let length = body.len();
        let headers = [
            format!("content-length:{length}\n\n"),
            format!(
                "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: {length}\r\n\r\n"
            ),
            format!("\r\n\r\nContent-Length: {length}\r\n\r\n"),
        ];
        for header in headers {
            assert_eq!(
                read_all(format!("{header}{body}").as_bytes()),
                ["exit", "gone"],
                "{header}"
            );
        }
    }

    #[test]
    fn lengths_that_lie_end_nothing() {
        let huge = "Content-Length: 99999999999999\r\n\r\nshort";
        assert_eq!(
            read_all(huge.as_bytes()),
            ["a message of 99999999999999 bytes", "gone"]
        );
        assert_eq!(read_all(b"Content-Length: 10\r\n\r\nshort"), ["gone"]);
        let negative = "Content-Length: -1\r\n\r\n";
        assert_eq!(
            read_all(negative.as_bytes()).last().map(String::as_str),
            Some("gone")
        );
        assert_eq!(
            read_all(b"nonsense\r\n\r\n")[0],
            "a message without `Content-Length`"
        );
    }
}
