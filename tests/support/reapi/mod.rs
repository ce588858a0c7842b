//! A server of remote execution inside the test, with faults on demand: what no sound server does, and what only some do.
//!
//! Contents, results and operations lie in memory. Commands are executed really, each in a folder of its own. What the server
//! is like is said when it starts ([`Manners`]), what goes wrong when it is to ([`Fault`]), by the number of the call: nothing
//! here depends on how fast a machine is.

// Each test that includes this uses a part of it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

pub mod authority;
mod cache;
mod connections;
mod execution;
mod faults;
mod manners;
mod storage;
mod worker;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use bazel_remote_apis::build::bazel::remote::execution::v2::action_cache_server::ActionCacheServer;
use bazel_remote_apis::build::bazel::remote::execution::v2::capabilities_server::CapabilitiesServer;
use bazel_remote_apis::build::bazel::remote::execution::v2::content_addressable_storage_server::ContentAddressableStorageServer;
use bazel_remote_apis::build::bazel::remote::execution::v2::execution_server::ExecutionServer;
use bazel_remote_apis::google::bytestream::byte_stream_server::ByteStreamServer;
use bazel_remote_apis::google::longrunning::operations_server::OperationsServer;
use tokio::runtime::Runtime;
use tonic::service::InterceptorLayer;
use tonic::transport::server::Server as Transport;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use authority::Authority;
use cache::Results;
use connections::Connections;
use execution::{Gates, Operations};
use faults::Faults;
use storage::Storage;

pub use bazel_remote_apis::build::bazel::remote::execution::v2 as protocol;
pub use execution::Stage;
pub use faults::{Asked, Call, Fault};
pub use manners::{LostInput, Manners, UnknownProperty};

/// The server while it runs; it goes away when the value goes.
pub struct Server {
    address: SocketAddr,
    way: Way,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

/// How clients come in.
enum Way {
    Open,
    Tls(ServerTlsConfig),
}

/// What all services share.
struct State {
    manners: Manners,
    faults: Faults,
    storage: Storage,
    results: Results,
    operations: Operations,
    gates: Gates,
    connections: Connections,
    /// The headers of all calls.
    headers: Mutex<Vec<(String, String)>>,
}

/// The service of every kind: each implements its trait over the shared state.
#[derive(Clone)]
struct Service(Arc<State>);

impl Server {
    /// Starts one at a port of its own.
    pub fn start(manners: Manners) -> Self {
        Self::listen(manners, Way::Open)
    }

    /// Starts one with a certificate of this authority, which asks its clients for one as well where `mutual`.
    pub fn start_with_tls(manners: Manners, authority: &Authority, mutual: bool) -> Self {
        let (certificate, key) = authority.server();
        let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        if mutual {
            tls = tls.client_ca_root(Certificate::from_pem(authority.certificate()));
        }
        Self::listen(manners, Way::Tls(tls))
    }

    fn listen(manners: Manners, way: Way) -> Self {
        let state = Arc::new(State {
            manners,
            faults: Faults::default(),
            storage: Storage::default(),
            results: Results::default(),
            operations: Operations::default(),
            gates: Gates::default(),
            connections: Connections::default(),
            headers: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = Self {
            address,
            way,
            state,
            runtime: None,
        };
        server.serve(listener);
        server
    }

    fn serve(&mut self, listener: TcpListener) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let service = Service(Arc::clone(&self.state));
        let state = Arc::clone(&self.state);
        let mut transport = Transport::builder();
        if let Way::Tls(tls) = &self.way {
            transport = transport.tls_config(tls.clone()).unwrap();
        }
        let services = transport
            .layer(InterceptorLayer::new(move |request| {
                let headers = manners::headers(&request);
                state.headers.lock().unwrap().extend(headers);
                manners::admit(state.manners.token.as_deref(), request)
            }))
            .add_service(CapabilitiesServer::new(service.clone()))
            .add_service(ContentAddressableStorageServer::new(service.clone()))
            .add_service(ByteStreamServer::new(service.clone()))
            .add_service(ActionCacheServer::new(service.clone()))
            .add_service(ExecutionServer::new(service.clone()))
            .add_service(OperationsServer::new(service));
        let incoming = connections::incoming(listener, Arc::clone(&self.state));
        runtime.spawn(services.serve_with_incoming(incoming));
        self.runtime = Some(runtime);
    }

    /// Its address, as it is written after `--remote`.
    pub fn endpoint(&self) -> String {
        match self.way {
            Way::Open => format!("grpc://{}", self.address),
            Way::Tls(_) => format!("grpcs://localhost:{}", self.address.port()),
        }
    }

    /// Makes the next call of this kind go wrong that no earlier fault takes.
    pub fn fail(&self, call: Call, fault: Fault) {
        self.state.faults.add(call, fault, 1);
    }

    /// Makes that many calls go wrong, one after the other.
    pub fn fail_times(&self, times: usize, call: Call, fault: Fault) {
        self.state.faults.add(call, fault, times);
    }

    /// Makes every call of this kind go wrong from here on.
    pub fn fail_always(&self, call: Call, fault: Fault) {
        self.state.faults.add(call, fault, usize::MAX);
    }

    /// Takes back what was to go wrong.
    pub fn recover(&self) {
        self.state.faults.clear();
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.faults.asked()
    }

    /// The headers of all calls so far.
    pub fn headers(&self) -> Vec<(String, String)> {
        self.state.headers.lock().unwrap().clone()
    }

    /// How often this was asked so far.
    pub fn count(&self, call: Call) -> usize {
        let asked = self.asked();
        asked.iter().filter(|asked| asked.call == call).count()
    }

    /// Waits until this was asked so often.
    pub fn await_calls(&self, call: Call, count: usize) {
        self.state.faults.await_calls(call, count);
    }

    /// Faults that nobody ran into yet.
    pub fn faults_left(&self) -> usize {
        self.state.faults.left()
    }

    /// Lets no action past this stage until [`Server::release`].
    pub fn hold(&self, stage: Stage) {
        self.state.gates.hold(stage);
    }

    /// Lets actions go on.
    pub fn release(&self) {
        self.state.gates.release();
    }

    /// Waits until that many actions have come to this stage since the server was made.
    pub fn await_stage(&self, stage: Stage, count: usize) {
        self.state.gates.await_stage(stage, count);
    }

    /// How many actions have come to this stage since the server was made.
    pub fn reached(&self, stage: Stage) -> usize {
        self.state.gates.reached(stage)
    }

    /// Keeps a blob as if somebody had uploaded it.
    pub fn put(&self, bytes: &[u8]) -> protocol::Digest {
        self.state.storage.put(bytes)
    }

    /// The bytes that lie under this hash.
    pub fn blob(&self, hash: &str) -> Option<Vec<u8>> {
        self.state.storage.get(hash).map(Arc::unwrap_or_clone)
    }

    /// Has these bytes under this hash, whatever the hash of the bytes is.
    pub fn replace(&self, hash: &str, bytes: &[u8]) {
        self.state.storage.insert(hash, bytes.to_vec());
    }

    /// The hashes of all blobs, sorted.
    pub fn blobs(&self) -> Vec<String> {
        self.state.storage.hashes()
    }

    /// Loses a blob.
    pub fn forget(&self, hash: &str) {
        self.state.storage.remove(hash);
    }

    /// Loses every blob, as where a cache is emptied; results stay.
    pub fn forget_contents(&self) {
        self.state.storage.clear();
    }

    /// Loses every result; blobs stay.
    pub fn forget_results(&self) {
        self.state.results.clear();
    }

    /// The results that are kept, by the hash of the action.
    pub fn results(&self) -> Vec<(String, protocol::ActionResult)> {
        self.state.results.all()
    }

    /// Changes every result that is kept.
    pub fn edit_results(&self, edit: impl Fn(&mut protocol::ActionResult)) {
        self.state.results.edit(edit);
    }

    /// Stops what runs and forgets that it ever was there.
    pub fn forget_operations(&self) {
        self.state.operations.abandon();
    }

    /// Cuts every connection that is open.
    pub fn cut(&self) {
        self.state.connections.cut();
    }

    /// Goes away, as where a server is killed: what runs is lost, contents and results stay.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            self.state.connections.set_closed(true);
            self.state.connections.cut();
            self.state.operations.abandon();
            runtime.shutdown_timeout(faults::LONG);
            self.state.connections.set_closed(false);
        }
    }

    /// Comes back at its address.
    pub fn start_again(&mut self) {
        assert!(self.runtime.is_none(), "it runs");
        let listener = TcpListener::bind(self.address).unwrap();
        self.serve(listener);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A server that takes connections and never says a word; it ends with the process.
pub fn mute() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let taken: Vec<_> = listener.incoming().collect();
        drop(taken);
    });
    format!("grpc://{address}")
}

/// An address at which nothing listens.
pub fn nowhere() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("grpc://{}", listener.local_addr().unwrap())
}
