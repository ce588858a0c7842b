//! A Neovim without a screen, into which keys are typed from outside, as `nvim --server` does it.

#![allow(unreachable_pub)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// The Neovims to try: that of the distribution, and a current one, where `ZOSC_TEST_NVIM` names it. That there is none is said aloud.
pub fn programs() -> Vec<PathBuf> {
    let named = std::env::var_os("ZOSC_TEST_NVIM").map(PathBuf::from);
    let runs = |program: &PathBuf| Command::new(program).arg("--version").output().is_ok();
    let found: Vec<PathBuf> = std::iter::once(PathBuf::from("nvim"))
        .chain(named)
        .filter(runs)
        .collect();
    if found.is_empty() {
        println!("skipped: there is no nvim");
    }
    found
}

/// A Neovim with files of a folder open.
pub struct Neovim {
    program: PathBuf,
    child: Child,
    socket: PathBuf,
    _home: tempfile::TempDir,
}

impl Neovim {
    /// Opens a file with our configuration and the program that the tests were built with.
    pub fn open(program: &Path, folder: &Path, file: &str) -> Self {
        Self::set(program, folder, file, "")
    }

    /// The same, with a line of Lua before our configuration.
    pub fn set(program: &Path, folder: &Path, file: &str, settings: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("socket");
        let zosc = assert_cmd::cargo::cargo_bin("zosc");
        let search = std::env::var("PATH").unwrap_or_default();
        let child = Command::new(program)
            .args(["--headless", "-n", "-i", "NONE", "-u"])
            .arg(configuration())
            .args(["--cmd", &format!("lua {settings}")])
            .arg("--listen")
            .arg(&socket)
            .arg(file)
            .current_dir(folder)
            .env(
                "PATH",
                format!("{}:{search}", zosc.parent().unwrap().display()),
            )
            .env("HOME", home.path())
            .env("XDG_STATE_HOME", home.path())
            .env("ZOSC_STORE", folder.join("store"))
            .env_remove("SOURCE_DATE_EPOCH")
            .env_remove("NVIM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let neovim = Self {
            program: program.to_owned(),
            child,
            socket,
            _home: home,
        };
        neovim.until("Neovim to listen", || neovim.socket.exists().then_some(()));
        neovim
    }

    fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.program)
            .arg("--server")
            .arg(&self.socket)
            .args(arguments)
            .env_remove("NVIM")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (said, failed) = (text(&output.stdout), text(&output.stderr));
        // 0.7 answers on standard error.
        let both = format!("{said}{failed}");
        if output.status.success() {
            Ok(both)
        } else {
            Err(both)
        }
    }

    /// Types keys, in Vim's notation.
    pub fn keys(&self, keys: &str) {
        self.ask(&["--remote-send", keys]).unwrap();
    }

    /// What a Lua expression comes to, as JSON.
    pub fn lua(&self, expression: &str) -> serde_json::Value {
        let quoted = expression.replace('\'', "''");
        let asked = format!("json_encode(luaeval('{quoted}'))");
        let said = self
            .ask(&["--remote-expr", &asked])
            .unwrap_or_else(|failed| panic!("{expression}: {failed}"));
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{expression}: {said}"))
    }

    /// Lines of a file that is open in some buffer.
    pub fn text(&self, file: &str) -> String {
        let lines = self.lua(&format!(
            "vim.api.nvim_buf_get_lines(vim.fn.bufnr('{file}'), 0, -1, false)"
        ));
        let lines = lines.as_array().unwrap().iter();
        let lines: Vec<&str> = lines.filter_map(serde_json::Value::as_str).collect();
        lines.join("\n") + "\n"
    }

    /// Waits until the server has been started for the buffer before us.
    pub fn until_attached(&self) {
        self.until("the server", || {
            let clients = "vim.lsp.get_clients and vim.lsp.get_clients({bufnr = 0}) or vim.lsp.buf_get_clients(0)";
            let count = self.lua(&format!("vim.tbl_count({clients})"));
            (count == 1).then_some(())
        });
    }

    /// Words of the menu that completion has opened.
    pub fn offered(&self) -> Vec<String> {
        let items = "vim.fn.complete_info({'items'}).items";
        self.texts(&format!(
            "vim.tbl_map(function(i) return i.word end, {items})"
        ))
    }

    /// Messages of the problems in the buffer before us.
    pub fn problems(&self) -> Vec<String> {
        self.texts("vim.tbl_map(function(d) return d.message end, vim.diagnostic.get(0))")
    }

    fn texts(&self, expression: &str) -> Vec<String> {
        let found = self.lua(expression);
        let found = found.as_array().cloned().unwrap_or_default();
        let texts = found.iter().filter_map(serde_json::Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// Waits until something is there.
    pub fn until<T>(&self, what: &str, ready: impl Fn() -> Option<T>) -> T {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(found) = ready() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let messages = self.ask(&["--remote-expr", "execute('messages')"]);
        panic!("waited in vain for {what}; Neovim said: {messages:?}");
    }

    /// Waits until a file's text has these words.
    pub fn until_text(&self, file: &str, words: &str) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.text(file).contains(words) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let messages = self.ask(&["--remote-expr", "execute('messages')"]);
        panic!(
            "`{words}` did not come into {file}:\n{}\n{messages:?}",
            self.text(file)
        );
    }

    /// The process of the server.
    pub fn server(&self) -> u32 {
        let parent = self.child.id().to_string();
        let found = Command::new("pgrep").args(["-P", &parent, "zosc"]).output();
        let found = String::from_utf8(found.unwrap().stdout).unwrap();
        found.trim().parse().expect("one server")
    }

    /// Leaves, and waits until it has ended well.
    pub fn quit(mut self) {
        // It may be gone before it has answered.
        let _ = self.ask(&["--remote-send", "<C-\\><C-n>:qa!<CR>"]);
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("Neovim did not end");
    }
}

impl Drop for Neovim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file that ships for Neovim.
fn configuration() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/editors/neovim/zosc.lua")
}
