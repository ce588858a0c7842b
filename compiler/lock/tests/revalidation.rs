//! An index that has not changed is not fetched again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;

/// Serves a folder with an entity tag for each file, and notes its answers: `200 /x86_64/APKINDEX.tar.gz`.
fn serve(folder: PathBuf) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let answers = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&answers);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer(stream, &folder).expect("answers");
            noted.lock().expect("sound").push(answer);
        }
    });
    (address, answers)
}

fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<String> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let headers: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .map(|line| line.to_ascii_lowercase())
        .collect();
    let content = std::fs::read(folder.join(path.trim_start_matches('/'))).unwrap_or_default();
    let tag = format!("\"{}\"", Digest::of(&content).short());
    let (status, content) = if headers.contains(&format!("if-none-match: {tag}")) {
        ("304 Not Modified", Vec::new())
    } else {
        ("200 OK", content)
    };
    let length = content.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nETag: {tag}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&content)?;
    Ok(format!("{} {path}", &status[..3]))
}

#[test]
fn an_index_that_has_not_changed_is_not_sent_again() {
    let bench = Bench::new();
    bench.offer(&[recipe("app", "1")], key());
    let (address, answers) = serve(bench.repository());
    let image = image(bench.folder.path(), vec![address], &["app"]);
    let update = Mode {
        update: Update::Everything,
        ..Mode::default()
    };
    let lock = |expected: &[&str]| {
        let resolved = bench.lock(&image, update).expect("locked");
        let told = std::mem::take(&mut *answers.lock().expect("sound"));
        assert_eq!(told, expected);
        names(&resolved)
    };
    let index = "/x86_64/APKINDEX.tar.gz";
    let whole = format!("200 {index}");
    let unchanged = format!("304 {index}");
    assert_eq!(lock(&[&whole, "200 /x86_64/app-1.apk"]), ["app-1"]);
    assert_eq!(lock(&[&unchanged]), ["app-1"]);
    bench.offer(&[recipe("app", "2")], key());
    assert_eq!(lock(&[&whole, "200 /x86_64/app-2.apk"]), ["app-2"]);
    assert_eq!(lock(&[&unchanged]), ["app-2"]);
    // One that is not here any more must come whole.
    let bytes = std::fs::read(bench.file("APKINDEX.tar.gz")).expect("there");
    std::fs::remove_file(bench.store.blob_path(&Digest::of(&bytes))).expect("there");
    assert_eq!(lock(&[&whole]), ["app-2"]);
}
