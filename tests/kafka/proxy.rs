//! Between a client and its broker: requests that are never answered, and answers that are not the broker's.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Kinds of requests, as the protocol numbers them.
pub const FETCH: i16 = 1;
pub const ADD_OFFSETS_TO_TXN: i16 = 25;
pub const END_TXN: i16 = 26;
/// And errors.
pub const GROUP_AUTHORIZATION_FAILED: i16 = 30;
pub const INVALID_PRODUCER_EPOCH: i16 = 47;

/// The next requests of a kind are answered by an error.
struct Forgery {
    kind: i16,
    error: i16,
    /// Although the broker does what it is asked.
    done: bool,
    left: usize,
}

#[derive(Default)]
struct Rules {
    forgery: Option<Forgery>,
    forged: usize,
    connections: u64,
    /// Fetches of a client are swallowed, on the connections that there were when that was asked for.
    swallowed: Option<(String, u64)>,
}

/// It passes everything on until it is told otherwise, and ends with the process.
pub struct Proxy {
    pub port: u16,
    rules: Arc<Mutex<Rules>>,
}

/// A request's head, as far as it is looked at.
struct Head {
    kind: i16,
    version: i16,
    number: [u8; 4],
    client: String,
}

impl Head {
    fn of(frame: &[u8]) -> Option<Self> {
        let short = |at: usize| Some(i16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?));
        let length = usize::try_from(short(8)?).unwrap_or(0);
        let client = String::from_utf8_lossy(frame.get(10..10 + length)?).into_owned();
        Some(Head { kind: short(0)?, version: short(2)?, number: frame.get(4..8)?.try_into().ok()?, client })
    }
}

fn read_frame(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

fn write_frame(to: &Mutex<TcpStream>, frame: &[u8]) -> std::io::Result<()> {
    let mut whole = u32::try_from(frame.len()).expect("a frame").to_be_bytes().to_vec();
    whole.extend_from_slice(frame);
    to.lock().expect("a client").write_all(&whole)
}

impl Proxy {
    pub fn start() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        (Proxy { port, rules: Arc::default() }, listener)
    }

    /// What comes to the listener goes to the broker.
    pub fn serve(&self, listener: TcpListener, broker: u16) {
        let rules = self.rules.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let rules = rules.clone();
                std::thread::spawn(move || pass_on(client, broker, &rules));
            }
        });
    }

    /// The next `count` requests of this kind are answered by this error, whether or not they are `done`.
    pub fn forge(&self, kind: i16, error: i16, done: bool, count: usize) {
        let mut rules = self.rules.lock().expect("the rules");
        (rules.forgery, rules.forged) = (Some(Forgery { kind, error, done, left: count }), 0);
    }

    pub fn forged(&self) -> usize {
        self.rules.lock().expect("the rules").forged
    }

    /// From now on no fetch of this client is answered on any connection that it has.
    pub fn swallow_fetches(&self, client: &str) {
        let mut rules = self.rules.lock().expect("the rules");
        rules.swallowed = Some((client.to_owned(), rules.connections));
    }
}

/// Until one side hangs up.
fn pass_on(mut client: TcpStream, broker: u16, rules: &Arc<Mutex<Rules>>) {
    let Ok(mut up) = TcpStream::connect(("127.0.0.1", broker)) else { return };
    let own = {
        let mut rules = rules.lock().expect("the rules");
        rules.connections += 1;
        rules.connections
    };
    let (Ok(mut down), Ok(answers)) = (up.try_clone(), client.try_clone()) else { return };
    let answers = Arc::new(Mutex::new(answers));
    // By number of the request, the error that its answer is to have.
    let forged: Arc<Mutex<BTreeMap<[u8; 4], i16>>> = Arc::default();
    let (to_client, to_forge) = (answers.clone(), forged.clone());
    std::thread::spawn(move || {
        while let Ok(mut frame) = read_frame(&mut down) {
            let number = frame.get(..4).and_then(|number| <[u8; 4]>::try_from(number).ok()).unwrap_or_default();
            if let Some(error) = to_forge.lock().expect("forgeries").remove(&number) {
                frame = answer(number, error);
            }
            if write_frame(&to_client, &frame).is_err() {
                break;
            }
        }
        let _already_closed = to_client.lock().expect("a client").shutdown(std::net::Shutdown::Both);
    });
    while let Ok(frame) = read_frame(&mut client) {
        let mut passed = true;
        if let Some(head) = Head::of(&frame) {
            let mut rules = rules.lock().expect("the rules");
            let is_swallowed =
                |(name, before): &(String, u64)| head.kind == FETCH && head.client == *name && own <= *before;
            passed = !rules.swallowed.as_ref().is_some_and(is_swallowed);
            if let Some(forgery) =
                rules.forgery.as_mut().filter(|forgery| forgery.kind == head.kind && forgery.left > 0)
            {
                assert!(head.version < 3, "an answer of version {} looks otherwise", head.version);
                forgery.left -= 1;
                let (error, done) = (forgery.error, forgery.done);
                rules.forged += 1;
                if done {
                    forged.lock().expect("forgeries").insert(head.number, error);
                } else {
                    passed = false;
                    let _client_gone = write_frame(&answers, &answer(head.number, error));
                }
            }
        }
        let mut whole = u32::try_from(frame.len()).expect("a frame").to_be_bytes().to_vec();
        whole.extend_from_slice(&frame);
        if passed && up.write_all(&whole).is_err() {
            break;
        }
    }
    let _already_closed = up.shutdown(std::net::Shutdown::Both);
}

/// Of the kinds that are forged: number, throttle time, error.
fn answer(number: [u8; 4], error: i16) -> Vec<u8> {
    let mut frame = number.to_vec();
    frame.extend_from_slice(&0i32.to_be_bytes());
    frame.extend_from_slice(&error.to_be_bytes());
    frame
}
