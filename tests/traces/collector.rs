//! A collector of OpenTelemetry: takes what is posted to it, and reads the protobuf by the numbers of
//! `opentelemetry/proto/trace/v1/trace.proto`, not by the crates that wrote it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub trace: Vec<u8>,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub name: String,
    /// Nanoseconds since 1970.
    pub begun: u64,
    pub ended: u64,
    pub attributes: BTreeMap<String, Value>,
    pub is_error: bool,
    /// Of the program that it is about.
    pub resource: BTreeMap<String, Value>,
}

#[derive(Debug, Default)]
pub struct Taken {
    pub spans: Vec<Span>,
    /// The heads of the requests, in lower case.
    pub heads: Vec<String>,
}

pub struct Collector {
    pub address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, taken) = (listener.local_addr().unwrap(), Arc::<Mutex<Taken>>::default());
        let kept = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { address, taken }
    }

    pub fn take(&self) -> Taken {
        std::mem::take(&mut self.taken.lock().unwrap())
    }
}

async fn serve(stream: TcpStream, taken: Arc<Mutex<Taken>>) {
    let mut stream = BufStream::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        {
            let mut taken = taken.lock().unwrap();
            taken.spans.extend(spans(&body));
            taken.heads.push(head);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
    }
}

/// `ExportTraceServiceRequest`
fn spans(request: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource_spans in Message::read(request).parts(1) {
        let resource = resource_spans.parts(1).into_iter().flat_map(|resource| attributes(&resource, 1));
        let resource: BTreeMap<_, _> = resource.collect();
        for scope_spans in resource_spans.parts(2) {
            spans.extend(scope_spans.parts(2).iter().map(|message| span(message, &resource)));
        }
    }
    spans
}

fn span(message: &Message<'_>, resource: &BTreeMap<String, Value>) -> Span {
    Span {
        trace: message.octets(1).to_vec(),
        id: message.octets(2).to_vec(),
        parent: message.octets(4).to_vec(),
        name: String::from_utf8(message.octets(5).to_vec()).unwrap(),
        begun: message.number(7),
        ended: message.number(8),
        attributes: attributes(message, 9),
        is_error: message.parts(15).iter().any(|status| status.number(3) == 2),
        resource: resource.clone(),
    }
}

/// `KeyValue`, whose value is a text, yes or no, or a whole number.
fn attributes(message: &Message<'_>, field: u64) -> BTreeMap<String, Value> {
    let attribute = |pair: &Message<'_>| {
        let name = String::from_utf8(pair.octets(1).to_vec()).unwrap();
        let value = pair.parts(2).remove(0);
        let value = match value.0.first() {
            Some((1, Wire::Octets(text))) => String::from_utf8(text.to_vec()).unwrap().into(),
            Some((2, Wire::Number(number))) => (*number == 1).into(),
            Some((3, Wire::Number(number))) => (*number).into(),
            other => panic!("{name} is {other:?}"),
        };
        (name, value)
    };
    message.parts(field).iter().map(attribute).collect()
}

/// The fields of a message of protobuf, by their numbers, in their order.
#[derive(Debug)]
struct Message<'a>(Vec<(u64, Wire<'a>)>);

#[derive(Debug, Clone, Copy)]
enum Wire<'a> {
    Number(u64),
    Octets(&'a [u8]),
}

impl<'a> Message<'a> {
    fn read(mut octets: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        while !octets.is_empty() {
            let tag = varint(&mut octets);
            let value = match tag & 7 {
                0 => Wire::Number(varint(&mut octets)),
                1 => Wire::Number(u64::from_le_bytes(take(&mut octets, 8).try_into().unwrap())),
                2 => {
                    let length = varint(&mut octets).try_into().unwrap();
                    Wire::Octets(take(&mut octets, length))
                }
                5 => Wire::Number(u32::from_le_bytes(take(&mut octets, 4).try_into().unwrap()).into()),
                other => panic!("wire type {other}"),
            };
            fields.push((tag >> 3, value));
        }
        Self(fields)
    }

    fn parts(&self, field: u64) -> Vec<Self> {
        let of_field = self.0.iter().filter(|(number, _)| *number == field);
        let parts = of_field.map(|(_, value)| match value {
            Wire::Octets(octets) => Message::read(octets),
            Wire::Number(_) => panic!("field {field} is a number"),
        });
        parts.collect()
    }

    fn octets(&self, field: u64) -> &'a [u8] {
        let found = self.0.iter().find_map(|(number, value)| match value {
            Wire::Octets(octets) if *number == field => Some(*octets),
            Wire::Octets(_) | Wire::Number(_) => None,
        });
        found.unwrap_or_default()
    }

    fn number(&self, field: u64) -> u64 {
        let found = self.0.iter().find_map(|(number, value)| match value {
            Wire::Number(value) if *number == field => Some(*value),
            Wire::Octets(_) | Wire::Number(_) => None,
        });
        found.unwrap_or_default()
    }
}

fn take<'a>(octets: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = octets.split_at(count);
    *octets = rest;
    taken
}

fn varint(octets: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let octet = take(octets, 1)[0];
        number |= u64::from(octet & 0x7F) << shift;
        if octet < 0x80 {
            return number;
        }
        shift += 7;
    }
}
