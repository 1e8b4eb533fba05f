//! HTTP as it is carried from one side to the other, for tests that stand between a program and a server.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// A whole request; none from who hangs up before its end.
pub fn request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if bytes.len() >= head + length.unwrap_or(0_usize) {
                return Some(bytes);
            }
        }
        match client.read(&mut buffer) {
            Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}

/// Hands a request over to a server, which answers once and hangs up.
pub fn submit(request: &[u8], server: &str) -> std::io::Result<TcpStream> {
    let at = request.windows(2).position(|two| two == b"\r\n").unwrap() + 2;
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(&[&request[..at], b"Connection: close\r\n", &request[at..]].concat())?;
    Ok(upstream)
}

/// What it answers, up to where it hangs up.
pub fn answer(upstream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = upstream.read_to_end(&mut answer);
    answer
}

/// The answer to a request, over a connection of its own.
pub fn forward(request: &[u8], server: &str) -> Vec<u8> {
    answer(&mut submit(request, server).unwrap())
}

/// The JSON that an answer holds, which comes in one piece.
pub fn json_body(answer: &[u8]) -> Value {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    assert!(!head.to_ascii_lowercase().contains("chunked"), "{head}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"))
}
